import Foundation

/// `cairn serve` as a process, and commands that talk to it.
struct ServerProcess: Sendable {
    let process: ChildProcess
    /// The addresses it listens on, as it printed them.
    let addresses: [String]

    /// Starts a server and waits until it serves. `wrapper` is a command to run it under, such as strace.
    static func start(
        store: String = "memory:", listen: [String] = ["127.0.0.1:0"], options: [String] = [], wrapper: [String] = [],
        directory: String? = nil
    ) async throws -> ServerProcess {
        let arguments = ["serve", "--store", store] + listen.flatMap { ["--listen", $0] } + options
        let process = try ChildProcess(wrapper + [CairnBinary.path] + arguments, directory: directory)
        do {
            let lines = try await process.output.lines(atLeast: listen.count)
            let prefix = "listening on "
            let addresses = lines.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            guard addresses.count == listen.count else { throw ProcessFailure("it printed \(lines)") }
            return ServerProcess(process: process, addresses: addresses)
        } catch {
            let status = try? await process.status(within: .seconds(5))
            throw ProcessFailure(
                "the server did not start (\(String(describing: status))): \(error) \(process.errors.text)")
        }
    }

    var address: String { addresses[0] }

    /// Runs a command against the server.
    func callAsFunction(
        _ arguments: String..., input: [UInt8] = [], environment: [String: String] = [:]
    ) async throws -> CommandResult {
        try await run(arguments, input: input, environment: environment)
    }

    /// Runs a command against the server; throws unless it ends with 0.
    @discardableResult
    func must(_ arguments: String..., input: [UInt8] = []) async throws -> CommandResult {
        let result = try await run(arguments, input: input)
        guard result.status == .code(0) else { throw ProcessFailure("\(arguments) failed: \(result)") }
        return result
    }

    /// Starts a command against the server, and leaves it running.
    func start(_ arguments: String...) throws -> ChildProcess {
        try ChildProcess([CairnBinary.path] + arguments, environment: ["CAIRN_ADDRESS": address])
    }

    /// Asks the server to end, and waits for it.
    func stop() async throws -> ExitStatus {
        process.signal(SIGTERM)
        return try await process.status()
    }

    /// Runs a command against the server.
    func run(
        _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]
    ) async throws -> CommandResult {
        try await CairnBinary.run(
            arguments, environment: ["CAIRN_ADDRESS": address].merging(environment) { $1 }, input: input)
    }
}

/// Runs `body` with a server of its own, and ends that server.
func withServer<Result>(
    store: String = "memory:", listen: [String] = ["127.0.0.1:0"], options: [String] = [],
    _ body: (ServerProcess) async throws -> Result
) async throws -> Result {
    let server = try await ServerProcess.start(store: store, listen: listen, options: options)
    do {
        let result = try await body(server)
        try await server.process.killAndWait()
        return result
    } catch {
        try await server.process.killAndWait()
        throw error
    }
}
