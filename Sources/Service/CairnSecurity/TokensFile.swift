package import CairnModel
internal import CairnSettings
internal import Foundation
internal import Yams

/// A file of tokens: a YAML list of entries.
package enum TokensFile {
    /// The entries of a file's text; `path` is for messages. Throws everything that is wrong.
    package static func entries(of text: String, path: String) throws(SecurityProblems) -> [TokenEntry] {
        let root: Node?
        do {
            root = try Parser(yaml: text).singleRoot()
        } catch {
            throw SecurityProblems(["\(path) can't be understood: \(error)"])
        }
        var reader = TokensReader(path: path)
        let entries = reader.entries(of: root)
        guard reader.problems.isEmpty else { throw SecurityProblems(reader.problems) }
        return entries
    }
}

/// Reads the list, and collects what is wrong.
private struct TokensReader {
    private static let fields = [
        "name", "hash", "certificate", "admin", "permissions", "consumers", "expires", "client-id",
    ]
    private static let ruleFields = ["prefix", "allow"]

    let path: String
    var problems: [String] = []

    init(path: String) { self.path = path }

    mutating func entries(of root: Node?) -> [TokenEntry] {
        guard let root else { return [] }
        guard let nodes = root.sequence else {
            complain("is no list: begin each entry with - name: NAME", at: root)
            return []
        }
        var entries: [TokenEntry] = []
        var places: [Node] = []
        var lines: [String: Int] = [:]
        for node in nodes {
            guard let entry = entry(of: node) else { continue }
            for (what, label) in entry.uniques {
                if let line = lines[what] { complain("\(label) is there already, in line \(line)", at: node) }
                lines[what] = node.mark?.line ?? 0
            }
            entries.append(entry)
            places.append(node)
        }
        for (entry, node) in zip(entries, places) { checkClientID(of: entry, at: node, among: entries) }
        return entries
    }

    /// Complains of an entry that would call as a client that another one is.
    private mutating func checkClientID(of entry: TokenEntry, at node: Node, among entries: [TokenEntry]) {
        if entry.proof == .nothing { return }
        let id = entry.clientID ?? entry.name
        if id.hasPrefix(Principal.subjectMark) {
            complain(
                "\"\(entry.name)\" would call as client \"\(id)\": what begins with \(Principal.subjectMark) is for "
                    + "the subjects of JSON Web Tokens; give it another client-id", at: node)
        }
        guard entry.clientID == nil, let other = entries.first(where: { $0.clientID == id }) else { return }
        complain(
            "\"\(entry.name)\" would call as client \"\(id)\", which belongs to \"\(other.name)\"; give it a client-id "
                + "of its own", at: node)
    }

    private mutating func entry(of node: Node) -> TokenEntry? {
        let before = problems.count
        guard let values = fields(of: node, known: TokensReader.fields, in: "an entry") else { return nil }
        guard let name = text(values["name"], "name", limit: Limits.standard.nameBytes) else {
            if problems.count == before { complain("the entry has no name", at: node) }
            return nil
        }
        // What is missing may be what was misspelt.
        var entry = TokenEntry(name: name, proof: proof(of: name, values, at: node, before))
        entry.isAdmin = flag(values["admin"], "admin")
        entry.permissions = Permissions(
            list(values["permissions"], "permissions").compactMap { rule(of: $0) },
            consumers: list(values["consumers"], "consumers").compactMap { text($0, "consumers", mayBeEmpty: true) })
        entry.expires = time(values["expires"])
        entry.clientID = text(values["client-id"], "client-id", limit: Limits.standard.nameBytes)
        if entry.proof == .nothing, entry.isAdmin || entry.clientID != nil || entry.expires != nil {
            complain("\"anonymous\" is for everybody: it can have permissions and consumers alone", at: node)
        }
        return problems.count == before ? entry : nil
    }

    private mutating func proof(
        of name: String, _ values: [String: Node], at node: Node, _ before: Int
    ) -> TokenEntry.Proof {
        let (hash, certificate) = (values["hash"], values["certificate"])
        if let hash, certificate == nil, name != TokenEntry.anonymous {
            if let known = hash.string.flatMap({ TokenHash(hex: $0) }) { return .token(known) }
            complain(
                "hash of \"\(name)\" is no SHA-256 in 64 hexadecimal digits: `cairn token hash` tells it", at: hash)
        } else if certificate != nil, hash == nil, name != TokenEntry.anonymous {
            if let known = text(certificate, "certificate") { return .certificate(known) }
        } else if name == TokenEntry.anonymous {
            if hash == nil, certificate == nil { return .nothing }
            complain("\"anonymous\" is for calls that show nothing: it has neither hash nor certificate", at: node)
        } else if problems.count == before {
            complain("\"\(name)\" needs one of hash and certificate", at: node)
        }
        return .nothing
    }

    private mutating func rule(of node: Node) -> Permissions.Rule? {
        guard let values = fields(of: node, known: TokensReader.ruleFields, in: "a permission") else { return nil }
        guard let prefix = values["prefix"] else {
            complain("the permission has no prefix; write prefix: \"\" for every key", at: node)
            return nil
        }
        guard let allow = values["allow"] else {
            complain("the permission has no allow: read, write or read-write", at: node)
            return nil
        }
        guard let text = text(prefix, "prefix", mayBeEmpty: true, limit: Limits.standard.keyBytes) else { return nil }
        guard let access = allow.string.flatMap({ Permissions.Access(rawValue: $0) }) else {
            let words = Permissions.Access.allCases.map(\.rawValue)
            let meant = Suggestion.nearest(to: allow.string ?? "", among: words)
            complain(
                "allow: \"\(allow.string ?? "")\" is not one of read, write, read-write" + TokensReader.meant(meant),
                at: allow)
            return nil
        }
        return Permissions.Rule(Key(text), access)
    }

    // MARK: Values

    /// The fields of a mapping, without those that nobody knows.
    private mutating func fields(of node: Node, known: [String], in what: String) -> [String: Node]? {
        guard let mapping = node.mapping else {
            complain("\(what) is no mapping of \(known.joined(separator: ", "))", at: node)
            return nil
        }
        var values: [String: Node] = [:]
        for (key, value) in mapping {
            let name = key.string ?? "?"
            if known.contains(name) {
                if values[name] != nil { complain("\(name) is there twice", at: key) }
                values[name] = value
            } else {
                let meant = Suggestion.nearest(to: name, among: known)
                complain("there is no \"\(name)\" in \(what)" + TokensReader.meant(meant), at: key)
            }
        }
        return values
    }

    private mutating func text(
        _ node: Node?, _ name: String, mayBeEmpty: Bool = false, limit: Int = 4_096
    ) -> String? {
        guard let node else { return nil }
        guard let text = node.scalar?.string, mayBeEmpty || !text.isEmpty else {
            complain("\(name) must be a text\(mayBeEmpty ? "" : " that isn't empty")", at: node)
            return nil
        }
        guard text.utf8.count <= limit else {
            complain("\(name) is longer than \(limit) bytes", at: node)
            return nil
        }
        return text
    }

    private mutating func flag(_ node: Node?, _ name: String) -> Bool {
        guard let node else { return false }
        if let isOn = node.bool { return isOn }
        complain("\(name) must be true or false", at: node)
        return false
    }

    private mutating func list(_ node: Node?, _ name: String) -> [Node] {
        guard let node else { return [] }
        if let sequence = node.sequence { return Array(sequence) }
        complain("\(name) must be a list", at: node)
        return []
    }

    private mutating func time(_ node: Node?) -> Timestamp? {
        guard let node else { return nil }
        if let time = node.scalar.flatMap({ RFC3339.time(of: $0.string) }) { return time }
        complain("expires must be a time such as 2030-01-31T12:00:00Z", at: node)
        return nil
    }

    private static func meant(_ name: String?) -> String { name.map { "; did you mean \($0)?" } ?? "" }

    private mutating func complain(_ words: String, at node: Node) {
        problems.append("\(path)\(node.mark.map { ":\($0.line)" } ?? ""): \(words)")
    }
}

extension TokenEntry {
    /// What no other entry may have, and what that is called.
    fileprivate var uniques: [(String, String)] {
        let proof: (String, String)? =
            switch proof {
            case .token(let hash): ("hash \(hash.hex)", "the hash of \"\(name)\"")
            case .certificate(let certificate): ("certificate \(certificate)", "certificate \"\(certificate)\"")
            case .nothing: nil
            }
        return [("name \(name)", "an entry named \"\(name)\"")] + (proof.map { [$0] } ?? [])
    }
}

/// Times as RFC 3339 writes them.
package enum RFC3339 {
    /// The time that a text stands for; `nil` if it is no such text.
    package static func time(of text: String) -> Timestamp? {
        let formatter = ISO8601DateFormatter()
        for options in [
            ISO8601DateFormatter.Options.withInternetDateTime, [.withInternetDateTime, .withFractionalSeconds],
        ] {
            formatter.formatOptions = options
            if let date = formatter.date(from: text) {
                return Timestamp(microseconds: Int64((date.timeIntervalSince1970 * 1e6).rounded()))
            }
        }
        return nil
    }

    /// A time in UTC, in whole seconds.
    package static func text(of time: Timestamp) -> String {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = .withInternetDateTime
        return formatter.string(from: Date(timeIntervalSince1970: Double(time.rawValue / 1_000_000)))
    }
}
