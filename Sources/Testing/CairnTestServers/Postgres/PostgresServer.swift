internal import Foundation
internal import Glibc

/// A PostgreSQL server for tests.
///
///     try await PostgresServer.with { server in
///         let database = try await server.freshDatabase()
///         try await database.sql("CREATE TABLE t (id int)")
///         try await server.kill()
///         try await server.start()
///     }
///
/// It is as durable as PostgreSQL is by itself (`fsync` on), with small buffers and 300 connections. Ready after about
/// a quarter of a second; the first one of a process takes a second more.
public final class PostgresServer: SQLServer {
    /// Why PostgreSQL can't be run here; nil if it can.
    public static var unavailableReason: String? { PostgresPrograms.unavailableReason }

    /// The server's process.
    public let process: ServerProcess
    /// Where its data are.
    public let dataDirectory: String
    /// A user who may do everything, and needs no password.
    public let superuser = "postgres"

    /// The directory of its unix socket, to be used as a host.
    public var socketDirectory: String { process.launch.directory }

    /// A server that isn't started yet, and whose data directory isn't there yet.
    init() throws {
        if let reason = PostgresPrograms.unavailableReason { throw ServerFailure(reason) }
        let account = try Account.toRun(as: PostgresPrograms.account)
        let directory = try ServersDirectory.make("postgres", for: account)
        let (port, data) = (try LoopbackPort.reserve(), "\(directory)/data")
        let launch = ServerProcess.Launch(
            name: "PostgreSQL",
            command: [try PostgresPrograms.path("postgres"), "-D", data, "-p", "\(port)", "-k", directory],
            account: account, directory: directory, stopSignal: SIGINT)
        let probe = [
            try PostgresPrograms.path("pg_isready"), "-q", "-h", "127.0.0.1", "-p", "\(port)", "-U", superuser,
        ]
        process = ServerProcess(launch, port: port, workingDirectory: data) {
            try Command.output(of: probe, within: .seconds(15)).status == .code(0)
        }
        dataDirectory = data
    }

    /// Starts a server of its own, with additional settings as in `postgresql.conf`. ``TestServer/remove()`` it.
    public static func start(settings: [String: String] = [:]) async throws -> PostgresServer {
        try await onOwnThread { try startBlocking(settings: settings) }
    }

    /// Runs `body` with a server of its own, and removes it afterwards.
    public static func with<Result>(
        settings: [String: String] = [:], _ body: (PostgresServer) async throws -> Result
    ) async throws -> Result {
        try await start(settings: settings).removing(after: body)
    }

    static func startBlocking(settings: [String: String]) throws -> PostgresServer {
        let server = try PostgresServer()
        try template.copy(to: server.dataDirectory, account: server.process.launch.account)
        let lines = standardSettings.merging(settings) { $1 }.sorted { $0.key < $1.key }.map { name, value in
            "\(name) = '\(value.replacing("'", with: "''"))'\n"
        }
        try server.append(lines.joined(), to: "postgresql.conf")
        try server.process.start()
        return server
    }

    /// Changes a setting that needs no restart, for good. A `value` of nil gives it back its own.
    public func set(_ name: String, to value: String?) async throws {
        let change = value.map { "SET \(name) = '\($0.replacing("'", with: "''"))'" } ?? "RESET \(name)"
        try await sql("ALTER SYSTEM \(change);\nSELECT pg_reload_conf()")
    }

    /// Adds a user who has to give a password, and may do nothing but log in until told otherwise.
    public func addUser(_ name: String, password: String) async throws {
        try await onOwnThread { [self] in
            let path = "\(dataDirectory)/pg_hba.conf"
            // The first line that fits decides.
            let rules = FileManager.default.contents(atPath: path) ?? Data()
            let line = "host all \(name) 127.0.0.1/32 scram-sha-256\n"
            try (Data(line.utf8) + rules).write(to: URL(fileURLWithPath: path))
        }
        try await sql("CREATE ROLE \(name) LOGIN PASSWORD '\(password)';\nSELECT pg_reload_conf()")
    }

    /// The URL of a database.
    public func url(database: String, user: String?, password: String?) -> String {
        serverURL("postgres", user: user ?? superuser, password: password, port: port, database: database)
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
        try PostgresPrograms.sql(
            statements, port: port, user: superuser, database: database ?? "postgres", within: limit)
    }

    /// Appends lines to one of the configuration files in the data directory.
    func append(_ lines: String, to file: String) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(dataDirectory)/\(file)"))
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(lines.utf8))
    }

    private static let standardSettings = [
        "listen_addresses": "127.0.0.1",
        "max_connections": "300",
        "shared_buffers": "32MB",
        "wal_log_hints": "on",  // pg_rewind needs it
        // In files under the data directory, so that a server that was killed leaves nothing in memory.
        "dynamic_shared_memory_type": "mmap",
        "log_line_prefix": "%m [%p] %q%a ",
    ]

    /// An empty cluster; not synced, as a crash of the machine ends the test too.
    private static let template = DataTemplate("postgres-template") { path in
        let account = try Account.toRun(as: PostgresPrograms.account)
        let command = [
            try PostgresPrograms.path("initdb"), "-D", path, "-U", "postgres", "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync", "--no-instructions",
        ]
        try Command.run(account.command(command), directory: path)
    }
}
