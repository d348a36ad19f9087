internal import CPostgres
internal import CairnModel
internal import Foundation

/// What a URL such as `postgres://user:password@host:5432,other:5432/database?schema=cairn` says.
///
/// All that libpq knows may be in it, with the meaning it has there. Ours are `schema`, `pooled`, `listen` and
/// `readers`.
struct PostgresURL: Sendable {
    /// The schema that holds the tables.
    let schema: String
    /// Whether a pooler is in between that gives each transaction another connection; `nil` to find out.
    let isPooled: Bool?
    /// Where notifications are listened for, if not where everything else goes.
    let listen: (host: String, port: String)?
    /// How many connections read, if the URL says so.
    let readers: Int?
    /// libpq's own options, as the URL has them. The password is among them.
    let options: [String: String]

    /// Reads a URL. Fails with ``StoreError/Code/invalidURL``, in words that hold no password.
    init(_ url: String) throws(StoreError) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw .badURL("a URL of this home starts with postgres://")
        }
        // Taken apart there, the rest of the password would be told as the database's name.
        guard
            !url.drop(while: { $0 != "/" }).dropFirst(2).drop(while: { $0 != "/" }).prefix(while: { $0 != "?" })
                .contains("@")
        else { throw .badURL("there is an @ behind a /: write a / in a password as %2F, and an @ elsewhere as %40") }
        let (rest, own) = try PostgresURL.split(url)
        options = try PostgresURL.parse(rest)

        schema = own["schema"] ?? "cairn"
        guard !schema.isEmpty, schema.utf8.count <= 63, !schema.hasPrefix("pg_"), !schema.contains("\0") else {
            throw .badURL("schema=\(schema): a schema's name has 1 to 63 bytes and doesn't start with pg_")
        }
        switch own["pooled"] {
        case nil: isPooled = nil
        case "true": isPooled = true
        case "false": isPooled = false
        case let other?: throw .badURL("pooled=\(other): say true or false")
        }
        switch own["readers"] {
        case nil: readers = nil
        case let text?:
            guard let count = Int(text), (1...64).contains(count) else {
                throw .badURL("readers=\(text): say a number from 1 to 64")
            }
            readers = count
        }
        switch own["listen"] {
        case nil: listen = nil
        case let text?:
            guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
                colon > text.startIndex
            else { throw .badURL("listen=\(text): say HOST:PORT") }
            listen = (String(text[..<colon]).trimmingBrackets, String(port))
        }
    }

    /// The URL without its password and without what doesn't tell where the home is.
    var place: String {
        let hosts = hosts.map { host in host.map { "\($0.name):\($0.port)" } } ?? []
        let user = options["user"].map { "\($0)@" } ?? ""
        let database = options["dbname"] ?? ""
        return "postgres://\(user)\(hosts.joined(separator: ","))/\(database)?schema=\(schema)"
    }

    /// The hosts that are named, in order; `nil` if none is, and libpq looks elsewhere.
    var hosts: [(name: String, address: String?, port: String)]? {
        guard let names = options["host"] ?? options["hostaddr"], !names.isEmpty else { return nil }
        func list(_ text: String) -> [String] {
            text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        let addresses = options["hostaddr"].map(list)
        let ports = list(options["port"] ?? "5432")
        return list(names).enumerated().map { index, name in
            let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
            let address = addresses.flatMap { index < $0.count ? $0[index] : nil }
            return (name, address, port.isEmpty ? "5432" : port)
        }
    }

    // MARK: Reading

    private static let ownNames: Set<String> = ["schema", "pooled", "listen", "readers"]

    /// Takes our own parameters out of the query.
    private static func split(_ url: String) throws(StoreError) -> (rest: String, own: [String: String]) {
        guard let mark = url.firstIndex(of: "?") else { return (url, [:]) }
        var own: [String: String] = [:]
        var others: [Substring] = []
        for part in url[url.index(after: mark)...].split(separator: "&") {
            let name = String(part.prefix { $0 != "=" })
            guard ownNames.contains(name) else {
                others.append(part)
                continue
            }
            guard let value = String(part.dropFirst(name.count + 1)).removingPercentEncoding, own[name] == nil else {
                throw .badURL("the parameter \(name) makes no sense, or is there twice")
            }
            own[name] = value
        }
        let rest = String(url[..<mark])
        return (others.isEmpty ? rest : "\(rest)?\(others.joined(separator: "&"))", own)
    }

    /// Has libpq read the rest. The list is libpq's, and freed here; the pointers into it are used before that.
    private static func parse(_ url: String) throws(StoreError) -> [String: String] {
        var message: UnsafeMutablePointer<CChar>?
        guard let list = PQconninfoParse(url, &message) else {
            let words = message.map { String(cString: $0) } ?? "it can't be read"
            PQfreemem(message)
            // Some of libpq's words quote the URL, and with it the password.
            let isSafe = words.contains("query parameter") && !words.contains("@")
            throw .badURL(isSafe ? words.split(whereSeparator: \.isNewline).joined(separator: " ") : "it can't be read")
        }
        defer { PQconninfoFree(list) }
        var options: [String: String] = [:]
        var entry = list
        while let keyword = entry.pointee.keyword {
            if let value = entry.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            entry += 1
        }
        return options
    }
}

extension StoreError {
    fileprivate static func badURL(_ why: String) -> StoreError {
        StoreError(
            .invalidURL, "the store's URL is wrong: \(why). Write postgres://USER:PASSWORD@HOST:PORT/DATABASE")
    }
}

extension String {
    /// An IPv6 address without the brackets that it has in a URL.
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}
