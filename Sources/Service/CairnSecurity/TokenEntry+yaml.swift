internal import CairnModel
internal import Foundation

extension TokenEntry {
    /// The entry as lines for a file of tokens. `rules` are what its permissions were made of.
    package func yaml(rules: [Permissions.Rule], consumers: [String]) -> String {
        var lines = ["- name: \(TokenEntry.quoted(name))"]
        switch proof {
        case .token(let hash): lines.append("  hash: \"\(hash.hex)\"")
        case .certificate(let name): lines.append("  certificate: \(TokenEntry.quoted(name))")
        case .nothing: break
        }
        if isAdmin { lines.append("  admin: true") }
        if let clientID { lines.append("  client-id: \(TokenEntry.quoted(clientID))") }
        if let expires { lines.append("  expires: \(RFC3339.text(of: expires))") }
        if !rules.isEmpty { lines.append("  permissions:") }
        for rule in rules {
            lines.append("    - prefix: \(TokenEntry.quoted(rule.prefix.text))")
            lines.append("      allow: \(rule.allow.rawValue)")
        }
        if !consumers.isEmpty {
            lines.append("  consumers: [\(consumers.map { TokenEntry.quoted($0) }.joined(separator: ", "))]")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The text in quotes, as YAML and JSON read it alike.
    private static func quoted(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}
