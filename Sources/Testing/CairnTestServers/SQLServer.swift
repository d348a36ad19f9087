internal import Synchronization

/// A server that speaks SQL.
public protocol SQLServer: TestServer {
    /// The name of a user who may do everything, and needs no password.
    var superuser: String { get }

    /// The URL of a database, as a store takes it: `postgres://USER:PASSWORD@127.0.0.1:PORT/DATABASE`.
    func url(database: String, user: String?, password: String?) -> String

    /// Runs statements through the server's own client, each for itself, and returns the rows that they give: one a
    /// line, without headings. Throws what the server says of the first that fails; the rest isn't run.
    ///
    /// Costs the start of a process, some ten milliseconds. One that takes longer than `limit` is given up.
    @discardableResult
    func sql(_ statements: String, database: String?, within limit: Duration) async throws -> String
}

extension SQLServer {
    /// The URL of a database for the superuser.
    public func url(database: String) -> String { url(database: database, user: nil, password: nil) }

    /// Runs statements through the server's own client; see the requirement of the same name.
    @discardableResult
    public func sql(_ statements: String, database: String? = nil) async throws -> String {
        try await sql(statements, database: database, within: .seconds(60))
    }

    /// Makes an empty database with a name that no other has.
    public func freshDatabase() async throws -> TestDatabase {
        let name = "cairn_test_\(DatabaseNames.next())"
        try await sql("CREATE DATABASE \(name)")
        return TestDatabase(server: self, name: name)
    }
}

/// A database of a server, for one test.
public struct TestDatabase: Sendable {
    /// The server that has it.
    public let server: any SQLServer
    /// Its name.
    public let name: String

    /// Its URL for the superuser.
    public var url: String { server.url(database: name) }

    /// Runs statements in it; see ``SQLServer``.
    @discardableResult
    public func sql(_ statements: String) async throws -> String { try await server.sql(statements, database: name) }
}

private enum DatabaseNames {
    private static let count = Mutex(0)

    static func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

/// `scheme://user:password@127.0.0.1:port/database`, with what isn't plain escaped.
func serverURL(_ scheme: String, user: String, password: String?, port: Int, database: String) -> String {
    let secret = password.map { ":" + percentEncoded($0) } ?? ""
    return "\(scheme)://\(percentEncoded(user))\(secret)@127.0.0.1:\(port)/\(percentEncoded(database))"
}

private func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
        let character = Character(Unicode.Scalar(byte))
        if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
            return String(character)
        }
        let digits = String(byte, radix: 16, uppercase: true)
        return "%" + (digits.count < 2 ? "0" : "") + digits
    }.joined()
}
