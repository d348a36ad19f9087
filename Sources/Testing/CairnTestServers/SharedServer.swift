internal import Synchronization

/// Servers that all tests of a process share: each is started when first asked for, and ends with the process.
///
/// A test makes a database of its own in it with ``SQLServer/freshDatabase()``, and neither stops the server nor
/// changes its settings: it starts one of its own for that.
public enum SharedServer {
    private static let postgresServer = StartedOnce { try PostgresServer.startBlocking(settings: [:]) }
    private static let mariaDBServer = StartedOnce { try MariaDBServer.startBlocking(settings: [:]) }

    /// The PostgreSQL that tests share. Throws, each time, what kept it from starting.
    public static func postgres() async throws -> PostgresServer {
        try await onOwnThread { try postgresServer.value() }
    }

    /// The MariaDB that tests share. Throws, each time, what kept it from starting.
    public static func mariaDB() async throws -> MariaDBServer {
        try await onOwnThread { try mariaDBServer.value() }
    }
}

/// A server that the first who asks starts, while the others wait.
private final class StartedOnce<Server: TestServer>: Sendable {
    private let start: @Sendable () throws -> Server
    private let result = Mutex<Result<Server, any Error>?>(nil)

    init(_ start: @escaping @Sendable () throws -> Server) { self.start = start }

    func value() throws -> Server {
        try result.withLock { result in
            let outcome = result ?? Result { try start() }
            result = outcome
            return try outcome.get()
        }
    }
}
