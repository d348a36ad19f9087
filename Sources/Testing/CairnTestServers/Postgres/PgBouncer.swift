internal import Foundation
internal import Glibc

/// PgBouncer in front of a PostgreSQL server, for tests: each transaction gets whichever connection is free.
public final class PgBouncer: TestServer {
    /// Why it can't be run here; nil if it can.
    public static var unavailableReason: String? {
        PostgresPrograms.unavailableReason ?? Programs.reasonToSkip(programs: ["pgbouncer"], package: "pgbouncer")
    }

    public let process: ServerProcess
    private let server: PostgresServer

    /// Runs `body` with a pooler that keeps at most `connections` connections to `server`, and removes it afterwards.
    public static func with<Result>(
        _ server: PostgresServer, connections: Int = 5, _ body: (PgBouncer) async throws -> Result
    ) async throws -> Result {
        let pooler = try await onOwnThread {
            let pooler = try PgBouncer(server, connections: connections)
            try pooler.process.start()
            return pooler
        }
        return try await pooler.removing(after: body)
    }

    private init(_ server: PostgresServer, connections: Int) throws {
        let account = try Account.toRun(as: PostgresPrograms.account)
        let directory = try ServersDirectory.make("pgbouncer", for: account)
        let port = try LoopbackPort.reserve()
        let settings = """
            [databases]
            * = host=127.0.0.1 port=\(server.port)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = \(connections)
            max_client_conn = 200

            """
        // Whoever comes is the superuser.
        let file = settings.replacing("port=\(server.port)", with: "port=\(server.port) user=\(server.superuser)")
        try file.write(toFile: "\(directory)/pgbouncer.ini", atomically: true, encoding: .utf8)
        let program = Programs.path(of: "pgbouncer") ?? "pgbouncer"
        let launch = ServerProcess.Launch(
            name: "PgBouncer", command: [program, "\(directory)/pgbouncer.ini"], account: account,
            directory: directory, stopSignal: SIGINT)
        process = ServerProcess(launch, port: port, workingDirectory: directory) {
            let command = [try PostgresPrograms.path("pg_isready"), "-q", "-h", "127.0.0.1", "-p", "\(port)"]
            return try Command.output(of: command, within: .seconds(15)).status == .code(0)
        }
        self.server = server
    }

    /// The URL of a database, through the pooler.
    public func url(database: String) -> String {
        serverURL("postgres", user: server.superuser, password: nil, port: port, database: database)
    }
}
