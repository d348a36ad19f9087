internal import Foundation
internal import Glibc

/// A MariaDB server for tests.
///
///     try await MariaDBServer.with(settings: ["log_bin": "bin"]) { server in
///         let database = try await server.freshDatabase()
///         try await database.sql("CREATE TABLE t (id int)")
///     }
///
/// It is as durable as MariaDB is by itself, with small buffers and 300 connections. Its other settings are MariaDB's
/// own, not Debian's; among them the character set `latin1`, which no client should rely on. Ready after about a
/// quarter of a second; the first one of a process takes a second more.
public final class MariaDBServer: SQLServer {
    /// Why MariaDB can't be run here; nil if it can.
    public static var unavailableReason: String? { MariaDBPrograms.unavailableReason }

    /// The server's process.
    public let process: ServerProcess
    /// A user who may do everything, and needs no password.
    public let superuser = "root"

    /// Its unix socket.
    public var socketPath: String { "\(process.launch.directory)/server.sock" }

    var dataDirectory: String { process.workingDirectory }

    /// A server that isn't started yet, and has no data directory and no settings yet.
    ///
    /// It is ready when `probe`, a statement, gives `answer`.
    init(named name: String = "mariadb", probe: String = "SELECT 1", answer: String = "1") throws {
        if let reason = MariaDBPrograms.unavailableReason { throw ServerFailure(reason) }
        let account = try Account.toRun(as: MariaDBPrograms.account)
        let directory = try ServersDirectory.make(name, for: account)
        let port = try LoopbackPort.reserve()
        let launch = ServerProcess.Launch(
            name: "MariaDB",
            command: [try MariaDBPrograms.path("mariadbd"), "--defaults-file=\(directory)/server.cnf"],
            account: account, directory: directory, stopSignal: SIGTERM)
        let client = try MariaDBPrograms.client("mariadb", port: port, user: "root")
        let ask = client + ["--batch", "--skip-column-names", "--connect-timeout=2"]
        process = ServerProcess(launch, port: port, workingDirectory: "\(directory)/data") {
            try Command.output(of: ask, input: probe, within: .seconds(15)).text.contains(answer)
        }
    }

    /// Starts a server of its own, with additional settings as in a `[mysqld]` section. ``TestServer/remove()`` it.
    public static func start(settings: [String: String] = [:]) async throws -> MariaDBServer {
        try await onOwnThread { try startBlocking(settings: settings) }
    }

    /// Runs `body` with a server of its own, and removes it afterwards.
    public static func with<Result>(
        settings: [String: String] = [:], _ body: (MariaDBServer) async throws -> Result
    ) async throws -> Result {
        try await start(settings: settings).removing(after: body)
    }

    static func startBlocking(settings: [String: String]) throws -> MariaDBServer {
        let server = try MariaDBServer()
        try template.copy(to: server.dataDirectory, account: server.process.launch.account)
        try server.write(settings: settings)
        try server.process.start()
        return server
    }

    /// Adds a user who has to give a password, and may do nothing but log in until told otherwise.
    public func addUser(_ name: String, password: String) async throws {
        try await sql("CREATE USER \(name)@'127.0.0.1' IDENTIFIED BY '\(password)'")
    }

    /// The URL of a database.
    public func url(database: String, user: String?, password: String?) -> String {
        serverURL("mysql", user: user ?? superuser, password: password, port: port, database: database)
    }

    /// Runs statements through the server's own client; see ``SQLServer``.
    @discardableResult
    public func sql(_ statements: String, database: String?, within limit: Duration) async throws -> String {
        try await onOwnThread { [self] in try sqlBlocking(statements, database: database, within: limit) }
    }

    @discardableResult
    func sqlBlocking(
        _ statements: String, database: String? = nil, within limit: Duration = .seconds(60)
    ) throws -> String {
        try MariaDBPrograms.sql(statements, port: port, user: superuser, database: database, within: limit)
    }

    /// Writes the settings with which it starts the next time.
    func write(settings: [String: String]) throws {
        let directory = process.launch.directory
        let places = [
            "datadir": dataDirectory, "tmpdir": directory, "socket": socketPath, "port": "\(port)",
            "pid_file": "\(directory)/server.pid", "bind_address": "127.0.0.1",
        ]
        let all = places.merging(MariaDBServer.standardSettings) { $1 }.merging(settings) { $1 }
        let lines = all.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }
        try Data("[mysqld]\n\(lines.joined())".utf8).write(to: URL(fileURLWithPath: "\(directory)/server.cnf"))
    }

    private static let standardSettings = [
        "max_connections": "300",
        "skip_name_resolve": "on",
        "innodb_buffer_pool_size": "32M",
        "innodb_log_file_size": "16M",
        // The kernel has few asynchronous requests for all the servers of a machine.
        "innodb_use_native_aio": "off",
        "lc_messages": "en_US",
    ]

    /// An empty installation, in which root needs no password.
    static let template = DataTemplate("mariadb-template") { path in
        let account = try Account.toRun(as: MariaDBPrograms.account)
        let command = [
            try MariaDBPrograms.path("mariadb-install-db"), "--no-defaults", "--datadir=\(path)", "--tmpdir=\(path)",
            "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
            "--innodb-log-file-size=16M", "--innodb-use-native-aio=off",
        ]
        try Command.run(account.command(command), directory: path)
    }
}
