/// Hides passwords in the URLs of stores.
///
/// Also in what was meant to be one: a text that nobody can parse may hold a password all the same. So too much is
/// hidden rather than too little.
package enum SecretText {
    private static let mark = "***"
    /// Homes that have no password; their paths may look as if.
    private static let plainSchemes = ["sqlite:", "file:", "memory:"]
    private static let secretWords = ["pass", "pwd", "secret", "token"]

    /// The text without what may be a password: whatever is between the first colon after the scheme and the last `@`,
    /// what follows such a colon and is no port, and the value of every parameter whose name speaks of one.
    package static func hidden(_ text: String) -> String {
        if plainSchemes.contains(where: { text.hasPrefix($0) }) { return text }
        return hidden(parameters: hidden(user: text))
    }

    private static func hidden(user text: String) -> String {
        let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
        let rest = text[start...]
        if let at = rest.lastIndex(of: "@") {
            guard let colon = rest[..<at].firstIndex(of: ":") else { return text }
            return text[...colon] + mark + text[at...]
        }
        // Brackets hold an IPv6 address.
        let host = rest.first == "[" ? rest.firstIndex(of: "]").map { rest[$0...] } ?? rest : rest
        guard let colon = host.prefix(while: { !"/?".contains($0) }).firstIndex(of: ":") else { return text }
        let port = text[text.index(after: colon)...].prefix { !"/?,".contains($0) }
        return port.allSatisfy(\.isNumber) ? text : text[...colon] + mark + text[port.endIndex...]
    }

    /// Parameters as a URL has them, behind `?` and `&`, or as libpq takes them, with spaces between.
    private static func hidden(parameters text: String) -> String {
        var shown = ""
        var rest = text[...]
        while let equals = rest.firstIndex(of: "=") {
            let value = rest[rest.index(after: equals)...]
            let name = rest[..<equals].reversed().prefix { $0.isLetter || $0.isNumber || "_-".contains($0) }
            let word = String(name.reversed()).lowercased()
            shown += rest[...equals]
            guard secretWords.contains(where: { word.contains($0) }) else {
                rest = value
                continue
            }
            shown += mark
            let isQuoted = value.first == "'"
            let end = isQuoted ? value.dropFirst().firstIndex(of: "'") : value.firstIndex { "& ;".contains($0) }
            rest = value[(end ?? value.endIndex)...]
        }
        return shown + rest
    }
}
