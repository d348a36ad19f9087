internal import Foundation
internal import Glibc
internal import Synchronization

/// The process of one server: started, waited for, stopped, killed, and started again on the same data.
///
/// Its methods block; ``TestServer`` has the ones for tests.
public final class ServerProcess: Sendable {
    /// What a server's process is.
    struct Launch: Sendable {
        /// What it is called in messages, such as `PostgreSQL`.
        var name: String
        var command: [String]
        var account: Account?
        /// A directory of its own, under which all that it writes is.
        var directory: String
        /// The signal that asks it to end in good order.
        var stopSignal: Int32
        var readyWithin: Duration = .seconds(60)
    }

    let launch: Launch
    let port: Int
    /// Where it works. The guardian of the servers' directory finds it by this.
    let workingDirectory: String
    private let isReady: @Sendable () throws -> Bool
    private let child = Mutex<Child?>(nil)

    init(_ launch: Launch, port: Int, workingDirectory: String, isReady: @escaping @Sendable () throws -> Bool) {
        self.launch = launch
        self.port = port
        self.workingDirectory = workingDirectory
        self.isReady = isReady
    }

    var logPath: String { "\(launch.directory)/server.log" }

    /// The process's number; nil if it doesn't run.
    var pid: Int32? { running?.pid }

    private var running: Child? { child.withLock { $0?.exit == nil ? $0 : nil } }

    /// Starts it and waits until it answers.
    func start(extraArguments: [String] = []) throws {
        let child = try spawn(extraArguments)
        let deadline = ContinuousClock.now + launch.readyWithin
        while true {
            if let exit = child.exit { throw failure("ended (\(exit)) instead of starting") }
            if try isReady() { return }
            guard ContinuousClock.now < deadline else {
                ProcessTree.kill(child)
                throw failure("did not answer within \(launch.readyWithin), and was killed")
            }
            usleep(15_000)
        }
    }

    /// Starts it without waiting.
    @discardableResult
    private func spawn(_ extraArguments: [String]) throws -> Child {
        let log = try Descriptor.appending(to: logPath)
        let nothing = try Descriptor.reading("/dev/null")
        let streams = Child.Streams(input: nothing.number, output: log.number, errors: log.number)
        let command = launch.account.command(launch.command + extraArguments)
        return try child.withLock { child in
            guard child?.exit != nil || child == nil else { throw failure("runs already") }
            let new = try Child(command, streams: streams, directory: workingDirectory)
            child = new
            return new
        }
    }

    /// Asks it to end and waits; kills it if it doesn't within half a minute. Does nothing if it doesn't run.
    func stop() {
        guard let child = running else { return }
        child.signal(launch.stopSignal)
        resume()
        if child.wait(atMost: .seconds(30)) == nil { ProcessTree.kill(child) }
    }

    /// Kills it and all that it has started, at once.
    func kill() {
        if let child = running { ProcessTree.kill(child) }
    }

    /// Stops it and all that it has started in their tracks: to others it is as if the machine had hung.
    func pause() { signalAll(SIGSTOP) }

    /// Lets it go on after ``pause()``.
    func resume() { signalAll(SIGCONT) }

    private func signalAll(_ number: Int32) {
        guard let child = running else { return }
        child.signal(number)
        for pid in ProcessTree.descendants(of: child.pid) { Glibc.kill(pid, number) }
    }

    /// Kills it, and removes all that it has written.
    func remove() throws {
        kill()
        try ServersDirectory.remove(launch.directory)
    }

    /// The end of its log.
    func logTail(lines: Int = 25) -> String {
        let text = FileManager.default.contents(atPath: logPath).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).suffix(lines).joined(separator: "\n")
    }

    func failure(_ what: String) -> ServerFailure {
        ServerFailure("\(launch.name) on port \(port) \(what). The end of its log:\n\(logTail())")
    }
}
