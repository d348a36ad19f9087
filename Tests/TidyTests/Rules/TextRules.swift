// Documents, and what must not be in any file.

extension Rule {
    static let title = Rule(name: "a page has one title") { file in
        guard file.isMarkdown, file.path.hasPrefix("docs/") else { return [] }
        let titles = prose(of: file).filter { $0.text.hasPrefix("# ") }
        if titles.isEmpty { return [file.violation(1, "no title: begin the page with one '# ' line")] }
        return titles.dropFirst().map { file.violation($0.line, "a second title: make it a '## ' heading") }
    }

    /// `exists` takes a path from the repository's root.
    static func relativeLinks(exists: @escaping @Sendable (String) -> Bool) -> Rule {
        Rule(name: "a link within the repository leads somewhere") { file in
            guard file.isMarkdown else { return [] }
            return prose(of: file).flatMap { line, text in
                linkTargets(in: text).compactMap { target in
                    guard let path = resolve(target, from: file.path), !exists(path) else { return nil }
                    return file.violation(line, "the link to '\(target)' leads nowhere: there is no \(path)")
                }
            }
        }
    }

    static let machinePaths = Rule(name: "no file names a folder of one machine") { file in
        // Put together here, so that this file doesn't break its own rule.
        let roots = ["work", "root"].map { "/\($0)/" }
        return file.lines.enumerated().compactMap { index, line in
            guard let found = roots.first(where: { startsPath($0, in: line) }) else { return nil }
            return file.violation(
                index + 1,
                "'\(found)' is a path of one machine: use a path relative to the repository"
            )
        }
    }

    static let privateKeys = Rule(name: "no file holds a private key") { file in
        let dashes = String(repeating: "-", count: 5)
        return file.lines.enumerated().compactMap { index, line in
            guard line.contains("\(dashes)BEGIN "), line.contains("PRIVATE KEY\(dashes)") else { return nil }
            return file.violation(index + 1, "a private key: let the test or a script make one when it needs one")
        }
    }

    /// Whether the text occurs where a path begins, and not inside a longer one.
    private static func startsPath(_ text: String, in line: String) -> Bool {
        line.ranges(of: text).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !(before.isLetter || before.isNumber || "._-~*)}".contains(before))
        }
    }

    /// The lines outside code blocks, without their code spans.
    private static func prose(of file: SourceFile) -> [(line: Int, text: String)] {
        var isInBlock = false
        return file.lines.enumerated().compactMap { index, line in
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isInBlock.toggle()
                return nil
            }
            let parts = line.split(separator: "`", omittingEmptySubsequences: false)
            let text = parts.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element).joined(separator: "`")
            return isInBlock ? nil : (index + 1, text)
        }
    }

    private static func linkTargets(in text: String) -> [String] {
        text.ranges(of: "](").compactMap { range in
            let target = text[range.upperBound...].prefix { $0 != ")" && $0 != " " }
            return target.isEmpty ? nil : String(target)
        }
    }

    /// The path from the root that a link means, or nil if it leads out of the repository or stays on its page.
    private static func resolve(_ target: String, from page: String) -> String? {
        let path = target.prefix { $0 != "#" && $0 != "?" }
        guard !path.isEmpty, !target.contains("://"), !target.hasPrefix("mailto:") else { return nil }
        var components = path.hasPrefix("/") ? [] : Array(page.split(separator: "/").dropLast())
        for component in path.split(separator: "/") {
            switch component {
            case ".": break
            case "..": _ = components.popLast()
            default: components.append(component)
            }
        }
        return components.joined(separator: "/")
    }
}
