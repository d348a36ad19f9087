/// A real server that a test runs: a process of its own, on a port of 127.0.0.1 of its own, with data of its own.
///
/// It ends when the test says so, and at the latest when the tests' process does, however that ends. Its data and its
/// log are then removed; with `CAIRN_KEEP_SERVERS=1` in the environment they are kept.
public protocol TestServer: Sendable {
    /// Why such a server can't be run here, for the reason of a skip; nil if it can.
    ///
    ///     @Suite(.enabled(if: PostgresServer.unavailableReason == nil, "\(PostgresServer.unavailableReason ?? "")"))
    static var unavailableReason: String? { get }

    /// The server's process.
    var process: ServerProcess { get }
}

extension TestServer {
    /// Where it listens.
    public var host: String { "127.0.0.1" }

    /// The port on which it listens; the same after a restart.
    public var port: Int { process.port }

    /// Its process's number; nil while it doesn't run.
    public var pid: Int32? { process.pid }

    /// Whether its process runs.
    public var isRunning: Bool { process.pid != nil }

    /// The end of its log.
    public var logTail: String { process.logTail() }

    /// Starts it again, after ``stop()`` or ``kill()``, on the same port and data, and waits until it answers.
    public func start() async throws { try await onOwnThread { [process] in try process.start() } }

    /// Ends it in good order, and waits for its end. One that doesn't end within half a minute is killed.
    public func stop() async throws { try await onOwnThread { [process] in process.stop() } }

    /// Kills it and every process that it has started, at once, as a crash of the machine would. The data stay.
    public func kill() async throws { try await onOwnThread { [process] in process.kill() } }

    /// Stops it and starts it again.
    public func restart() async throws {
        try await stop()
        try await start()
    }

    /// Halts all its processes: it keeps its connections and doesn't answer, until ``resume()``.
    public func pause() async throws { try await onOwnThread { [process] in process.pause() } }

    /// Lets it go on after ``pause()``.
    public func resume() async throws { try await onOwnThread { [process] in process.resume() } }

    /// Kills it and removes its data.
    public func remove() async throws { try await onOwnThread { [process] in try process.remove() } }

    /// Runs `body` with this server, and removes it afterwards, whatever happens.
    func removing<Result>(after body: (Self) async throws -> Result) async throws -> Result {
        do {
            let result = try await body(self)
            try await remove()
            return result
        } catch {
            // The first failure is the one to tell.
            try? await remove()
            throw error
        }
    }
}
