package import CairnModel
internal import Foundation

/// Where a home on MariaDB or MySQL is, and how to reach it: what its URL says.
///
///     mysql://cairn:secret@db1:3306,db2/app?tls=verify&ca=ca.pem
///
/// | parameter | meaning | default |
/// |---|---|---|
/// | `prefix` | how the names of the tables begin: letters, digits, `_` | `cairn_` |
/// | `announce` | the `HOST:PORT` where this replica hears of the others' batches | its own address, a free port |
/// | `readers` | how many connections read at the same time | the engine's |
/// | `tls` | `off`; `required`: encrypted, to whomever; `verify`: to a host that its certificate names | `off` |
/// | `ca`, `cert`, `key` | files: the authority's certificates, this end's certificate and key | none |
/// | `socket` | the path of the server's Unix socket, instead of a host | |
package struct MySQLURL: Hashable, Sendable {
    /// A server to try.
    package struct Host: Hashable, Sendable {
        package var name: String
        package var port: Int
        /// The path of a Unix socket, in place of name and port.
        package var socket: String?
    }

    /// How the connection is encrypted.
    package struct TLS: Hashable, Sendable {
        package enum Mode: String, Sendable {
            case off, required, verify
        }
        package var mode = Mode.off
        package var authority: String?
        package var certificate: String?
        package var key: String?
    }

    /// The servers, in the order in which they are tried; at least one.
    package private(set) var hosts: [Host] = []
    package private(set) var user = ""
    package private(set) var password = ""
    package private(set) var database = ""
    /// How the names of the tables begin.
    let prefix: Identifier?
    package private(set) var announce: String?
    /// How many connections read at the same time, if the URL says.
    package private(set) var readers: Int?
    package private(set) var tls = TLS()
    private let scheme: String

    /// Reads a URL. Throws ``CairnModel/StoreError/Code/invalidURL``, without the password in its words.
    package init(_ url: String) throws(StoreError) {
        guard let colon = url.range(of: "://"), ["mysql", "mariadb"].contains(url[..<colon.lowerBound]) else {
            throw MySQLURL.invalid("it must begin with mysql:// or mariadb://")
        }
        scheme = String(url[..<colon.lowerBound])
        let (path, query) = MySQLURL.split(url[colon.upperBound...], at: "?")
        let (authority, name) = MySQLURL.split(path, at: "/")
        var parameters = try MySQLURL.parameters(query ?? "")

        let prefix = parameters.removeValue(forKey: "prefix") ?? "cairn_"
        // The longest name that follows is that of a view, `records_text`.
        guard prefix.isEmpty || Identifier(prefix) != nil, prefix.utf8.count <= 48 else {
            throw MySQLURL.invalid("prefix must be at most 48 letters, digits and underscores")
        }
        self.prefix = Identifier(prefix)
        database = try MySQLURL.decoded(name ?? "", "the database")
        guard !database.isEmpty else {
            throw MySQLURL.invalid("name the database after the host, as in mysql://user@host/database")
        }
        let socket = parameters.removeValue(forKey: "socket")
        try readAuthority(authority, socket: socket)
        try take(&parameters)
        if let unknown = parameters.keys.sorted().first {
            throw MySQLURL.invalid(
                """
                there is no parameter "\(unknown)"; there are prefix, announce, readers, tls, ca, cert, key and socket
                """)
        }
    }

    /// The URL without its password.
    package var place: String {
        let names = hosts.map { $0.socket ?? MySQLURL.text($0) }
        return "\(scheme)://\(user)@\(names.joined(separator: ","))/\(database)"
    }

    /// One of its servers, for messages.
    package func place(_ host: Host) -> String { "\(scheme)://\(user)@\(MySQLURL.text(host))/\(database)" }

    private static func text(_ host: Host) -> String {
        if let socket = host.socket { return socket }
        return host.name.contains(":") ? "[\(host.name)]:\(host.port)" : "\(host.name):\(host.port)"
    }

    static func invalid(_ words: String) -> StoreError { StoreError(.invalidURL, "the store's URL: \(words)") }
}

// The parts of a URL.
extension MySQLURL {
    private mutating func readAuthority(_ text: Substring, socket: String?) throws(StoreError) {
        // Passwords with an "@" that isn't encoded are common, and a host never has one.
        let at = text.lastIndex(of: "@")
        let (user, password) = MySQLURL.split(at.map { text[..<$0] } ?? "", at: ":")
        self.user = try MySQLURL.decoded(user, "the user")
        self.password = try MySQLURL.decoded(password ?? "", "the password")
        guard !self.user.isEmpty else {
            throw MySQLURL.invalid("name the user, as in mysql://user:password@host/database")
        }
        let names = at.map { text[text.index(after: $0)...] } ?? text
        if let socket {
            guard names.isEmpty || names == "localhost" else {
                throw MySQLURL.invalid("it has a host and a socket; leave one of them out")
            }
            hosts = [Host(name: "localhost", port: 0, socket: socket)]
            return
        }
        for name in names.split(separator: ",", omittingEmptySubsequences: false) {
            hosts.append(try MySQLURL.host(name, defaultPort: 3_306))
        }
    }

    /// Reads `NAME`, `NAME:PORT` or `[ADDRESS]:PORT`.
    static func host(_ text: Substring, defaultPort: Int?) throws(StoreError) -> Host {
        var name = text
        var rest: Substring = ""
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            name = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else if let colon = text.firstIndex(of: ":") {
            name = text[..<colon]
            rest = text[colon...]
        }
        let port = rest.isEmpty ? defaultPort : rest.first == ":" ? Int(rest.dropFirst()) : nil
        guard !name.isEmpty, let port, (0...65_535).contains(port) else {
            throw invalid("\"\(text)\" is no host and port; write HOST:PORT, or [ADDRESS]:PORT for IPv6")
        }
        return Host(name: try decoded(name, "the host"), port: port)
    }

    private mutating func take(_ parameters: inout [String: String]) throws(StoreError) {
        announce = parameters.removeValue(forKey: "announce")
        if let announce { _ = try MySQLURL.host(Substring(announce), defaultPort: nil) }
        if let text = parameters.removeValue(forKey: "readers") {
            guard let number = Int(text), (1...1_000).contains(number) else {
                throw MySQLURL.invalid("readers must be a number from 1 to 1000")
            }
            readers = number
        }
        tls.authority = parameters.removeValue(forKey: "ca")
        tls.certificate = parameters.removeValue(forKey: "cert")
        tls.key = parameters.removeValue(forKey: "key")
        let hasFiles = tls.authority != nil || tls.certificate != nil || tls.key != nil
        guard let mode = parameters.removeValue(forKey: "tls") else {
            if hasFiles { throw MySQLURL.invalid("it has ca, cert or key, but no tls; add tls=verify") }
            return
        }
        guard let known = TLS.Mode(rawValue: mode) else {
            throw MySQLURL.invalid("tls must be off, required or verify")
        }
        if known == .off, hasFiles { throw MySQLURL.invalid("it has ca, cert or key, but tls=off; leave out one") }
        tls.mode = known
    }

    private static func parameters(_ query: Substring) throws(StoreError) -> [String: String] {
        var parameters: [String: String] = [:]
        for pair in query.split(separator: "&") {
            let (name, value) = split(pair, at: "=")
            let key = try decoded(name, "a parameter")
            guard parameters.updateValue(try decoded(value ?? "", "\"\(key)\""), forKey: key) == nil else {
                throw invalid("it has the parameter \"\(key)\" twice")
            }
        }
        return parameters
    }

    private static func split(_ text: Substring, at separator: Character) -> (Substring, Substring?) {
        guard let place = text.firstIndex(of: separator) else { return (text, nil) }
        return (text[..<place], text[text.index(after: place)...])
    }

    private static func decoded(_ text: some StringProtocol, _ part: String) throws(StoreError) -> String {
        guard let decoded = String(text).removingPercentEncoding, !decoded.utf8.contains(0) else {
            throw invalid("the percent signs of \(part) don't make sense; write %25 for one that is meant")
        }
        return decoded
    }
}
