internal import Foundation
internal import Glibc

/// A PgBouncer in front of a PostgreSQL server, which gives its clients a server's connection for a transaction only.
///
/// What a client sets for its session, prepares, or listens to may then be on another connection than its next
/// statement.
public final class PgBouncer: SQLServer {
    /// Why PgBouncer can't be run here; nil if it can.
    public static var unavailableReason: String? {
        PostgresServer.unavailableReason ?? Programs.reasonToSkip(programs: ["pgbouncer"], package: "pgbouncer")
    }

    /// The bouncer's process.
    public let process: ServerProcess
    /// A user who may do everything, and needs no password.
    public let superuser: String

    private init(server: PostgresServer, connections: Int) throws {
        if let reason = PgBouncer.unavailableReason { throw ServerFailure(reason) }
        superuser = server.superuser
        let account = server.process.launch.account
        let directory = try ServersDirectory.make("pgbouncer", for: account)
        let port = try LoopbackPort.reserve()
        let launch = ServerProcess.Launch(
            name: "PgBouncer",
            command: [Programs.path(of: "pgbouncer") ?? "pgbouncer", "\(directory)/pgbouncer.ini"],
            account: account, directory: directory, stopSignal: SIGINT)
        let user = superuser
        process = ServerProcess(launch, port: port, workingDirectory: directory) {
            (try? PostgresPrograms.sql(
                "SELECT 1", port: port, user: user, database: "postgres", within: .seconds(15))) == "1"
        }
        let settings = """
            [databases]
            * = host=127.0.0.1 port=\(server.port)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = trust
            auth_file = \(directory)/users.txt
            admin_users = \(user)
            pool_mode = transaction
            max_client_conn = 300
            default_pool_size = \(connections)
            server_login_retry = 1

            """
        try Data(settings.utf8).write(to: URL(fileURLWithPath: "\(directory)/pgbouncer.ini"))
        try Data("\"\(user)\" \"\"\n".utf8).write(to: URL(fileURLWithPath: "\(directory)/users.txt"))
    }

    /// Starts one in front of `server`, to which it keeps at most `connections` connections a database and user.
    /// ``TestServer/remove()`` it.
    public static func start(before server: PostgresServer, connections: Int = 20) async throws -> PgBouncer {
        try await onOwnThread {
            let bouncer = try PgBouncer(server: server, connections: connections)
            try bouncer.process.start()
            return bouncer
        }
    }

    /// Runs `body` with one in front of `server`, and removes it afterwards.
    public static func with<Result>(
        before server: PostgresServer, connections: Int = 20, _ body: (PgBouncer) async throws -> Result
    ) async throws -> Result {
        try await start(before: server, connections: connections).removing(after: body)
    }

    /// The URL of a database, through the bouncer.
    public func url(database: String, user: String?, password: String?) -> String {
        serverURL("postgres", user: user ?? superuser, password: password, port: port, database: database)
    }

    /// Runs statements through the bouncer; see ``SQLServer``. The database `pgbouncer` is its console.
    @discardableResult
    public func sql(_ statements: String, database: String?, within limit: Duration) async throws -> String {
        try await onOwnThread { [port, superuser] in
            try PostgresPrograms.sql(
                statements, port: port, user: superuser, database: database ?? "postgres", within: limit)
        }
    }
}
