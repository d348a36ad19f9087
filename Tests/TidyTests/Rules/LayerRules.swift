// The layers of `Layers.swift`, and the purity of the rules.

extension Rule {
    static let layers = Rule.swift("a layer imports only what lies below it") { file in
        imports(in: file.tokens).compactMap { found in
            if found.text.hasPrefix("GRPC") {
                return file.violation(found.line, "'\(found.text)': gRPC is spoken by CairnRPC, nothing else")
            }
            if found.text == "ArgumentParser", !file.path.hasPrefix("Sources/Tools/") {
                return file.violation(found.line, "'ArgumentParser': command lines belong in Sources/Tools")
            }
            guard file.path.hasPrefix("Sources/") || file.path.hasPrefix("Benchmarks/") else { return nil }
            guard let layer = Layer.of(file.path) else {
                return file.violation(found.line, "no layer has this folder: give it a row in Layers.swift")
            }
            guard !layer.allows(found.text) else { return nil }
            return file.violation(found.line, "'\(found.text)' in \(layer.folder): \(layer.purpose) (see Layers.swift)")
        }
    }

    static let pureRules = Rule.swift("the rules know no clock, no chance and no I/O") { file in
        guard file.path.hasPrefix("Sources/Keyspace/Rules/") else { return [] }
        let banned = [
            "Date(", "ContinuousClock", "SuspendingClock", "SystemRandomNumberGenerator", ".random(", ".shuffled(",
            ".randomElement(", "UUID(", "Task.", "Task {", "print(",
        ]
        return file.code.enumerated().compactMap { index, line in
            guard let found = banned.first(where: line.contains) else { return nil }
            return file.violation(index + 1, "'\(found)' in the rules: take it as a parameter, decided by the caller")
        }
    }

    /// The modules that are imported, each with its line.
    private static func imports(in tokens: [Token]) -> [Token] {
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let"]
        return tokens.indices.dropLast().compactMap { index in
            guard tokens[index].text == "import" else { return nil }
            let next = tokens[index + 1]
            let name = kinds.contains(next.text) && index + 2 < tokens.count ? tokens[index + 2] : next
            return name.line == tokens[index].line && name.isWord ? name : nil
        }
    }
}
