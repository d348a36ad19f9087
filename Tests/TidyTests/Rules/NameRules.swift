// Names that refuse nothing: a thing so named grows, because anything fits it.

extension Rule {
    static let names = Rule.swift("a name says what the thing is") { file in
        let folders = file.path.split(separator: "/").dropLast()
        let fileName = file.name.split(separator: ".").first ?? ""
        let inPath = (folders + [fileName]).compactMap { name in
            vagueWord(in: name).map { file.violation(1, "the path's '\(name)' \(advice(on: $0))") }
        }
        let inTypes = declaredTypes(in: file.tokens).compactMap { type in
            vagueWord(in: type.text).map { file.violation(type.line, "the type '\(type.text)' \(advice(on: $0))") }
        }
        return inPath + inTypes
    }

    private static let vagueWords: Set<String> = [
        "util", "utils", "utility", "utilities", "helper", "helpers", "manager", "managers", "common", "misc",
    ]

    private static func advice(on word: Substring) -> String {
        "has '\(word)' in it, which fits anything: name it after what it gives"
    }

    private static func vagueWord(in name: some StringProtocol) -> Substring? {
        camelWords(of: Substring(name)).first { vagueWords.contains($0.lowercased()) }
    }

    /// `HTTPServerUtils+x` is `HTTP`, `Server`, `Utils`, `x`.
    private static func camelWords(of name: Substring) -> [Substring] {
        var words: [Substring] = []
        for part in name.split(whereSeparator: { !($0.isLetter || $0.isNumber) }) {
            var start = part.startIndex
            for index in part.indices.dropFirst() where part[index].isUppercase {
                let after = part.index(after: index)
                let endsAcronym = after < part.endIndex && part[after].isLowercase
                if !part[part.index(before: index)].isUppercase || endsAcronym {
                    words.append(part[start..<index])
                    start = index
                }
            }
            words.append(part[start...])
        }
        return words
    }

    private static func declaredTypes(in tokens: [Token]) -> [Token] {
        let keywords: Set<String> = ["struct", "class", "enum", "actor", "protocol", "typealias", "associatedtype"]
        return tokens.indices.dropLast().compactMap { index in
            let isMember = index > 0 && tokens[index - 1].text == "."
            guard keywords.contains(tokens[index].text), !isMember, tokens[index + 1].isWord else { return nil }
            return tokens[index + 1]
        }
    }
}
