internal import CairnModel

/// Globs as regular expressions.
enum Glob {
    /// The expression that matches in whole what the glob does. Throws ``StoreError/Code/invalidArgument``.
    static func expression(of glob: String) throws(StoreError) -> String {
        var reader = Reader(glob: glob, rest: Substring(glob))
        return try reader.expression()
    }

    private struct Reader {
        let glob: String
        var rest: Substring
        var text = ""
        var openBraces = 0

        mutating func expression() throws(StoreError) -> String {
            while let character = rest.popFirst() {
                switch character {
                case "*" where rest.first == "*":
                    while rest.first == "*" { rest.removeFirst() }
                    text += ".*"
                case "*": text += "[^/]*"
                case "?": text += "[^/]"
                case "[": try readSet()
                case "{":
                    openBraces += 1
                    text += "(?:"
                case "}" where openBraces > 0:
                    openBraces -= 1
                    text += ")"
                case "," where openBraces > 0: text += "|"
                case "\\":
                    guard let next = rest.popFirst() else { throw refused("ends with a \\ that nothing follows") }
                    text += Reader.quoted(next)
                default: text += Reader.quoted(character)
                }
            }
            if openBraces > 0 { throw refused("opens a { that it does not close") }
            return text
        }

        /// A set of characters, after its bracket; never one with `/`, which only `**` and itself match.
        private mutating func readSet() throws(StoreError) {
            var set = ""
            let isNegated = rest.first == "!" || rest.first == "^"
            if isNegated { rest.removeFirst() }
            var isFirst = true
            while true {
                guard let character = rest.popFirst() else { throw refused("opens a [ that it does not close") }
                if character == "]" && !isFirst { break }
                isFirst = false
                if character == "-" && !set.isEmpty && rest.first != "]" {
                    set += "-"
                } else if character == "\\" {
                    guard let next = rest.popFirst() else { throw refused("ends with a \\ that nothing follows") }
                    set += Reader.quoted(next)
                } else {
                    set += Reader.quoted(character)
                }
            }
            text += isNegated ? "[^/\(set)]" : "[\(set)]"
        }

        private func refused(_ what: String) -> StoreError {
            StoreError(.invalidArgument, "the glob \"\(glob)\" \(what); write \\ before a character that means itself")
        }

        private static func quoted(_ character: Character) -> String {
            character.unicodeScalars.map { scalar in
                scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar.value > 127
                    ? String(scalar) : "\\x{\(String(scalar.value, radix: 16))}"
            }.joined()
        }
    }
}
