import Foundation
import Synchronization

/// How a process ended.
enum ExitStatus: Hashable, Sendable {
    case code(Int32)
    case signal(Int32)
}

/// A process that a test has started: its outputs, its end, and signals to it alone.
final class ChildProcess: Sendable {
    private struct State: Sendable {
        var status: ExitStatus?
        var waiters: [Int: CheckedContinuation<ExitStatus, any Error>] = [:]
        var nextWaiter = 0
    }

    let pid: pid_t
    let output: ProcessOutput
    let errors: ProcessOutput
    private let state = Mutex(State())
    /// One start at a time: a process started while another's pipes are being made would inherit them, and keep them
    /// open.
    private static let starts = Mutex(())

    /// Starts `command`, a path and its arguments. `input` is what its standard input holds.
    init(_ command: [String], environment: [String: String] = [:], input: [UInt8] = [], directory: String? = nil) throws
    {
        // `env -C` changes the directory and then becomes the command, so the process is still ours.
        let command = directory.map { ["env", "-C", $0] + command } ?? command
        let (pid, pipes) = try ChildProcess.starts.withLock { _ in
            let pipes = try (0..<3).map { _ in try ChildProcess.makePipe() }
            defer { for end in [pipes[0].reader, pipes[1].writer, pipes[2].writer] { close(end) } }
            let ends = [pipes[0].reader, pipes[1].writer, pipes[2].writer]
            return (try ChildProcess.spawn(command, environment, ends), pipes)
        }
        self.pid = pid
        output = ProcessOutput(reading: pipes[1].reader)
        errors = ProcessOutput(reading: pipes[2].reader)
        let inputWriter = pipes[0].writer
        Survivors.add(pid)
        Thread.detachNewThread { ChildProcess.write(input, to: inputWriter) }
        Thread.detachNewThread { [self] in waitAndReap() }
    }

    /// Sends a signal, unless the process has ended: its number may be another's by then.
    func signal(_ number: Int32) {
        state.withLock { state in
            if state.status == nil { kill(pid, number) }
        }
    }

    /// Waits for the end. Throws after `limit`; the process is then killed.
    func status(within limit: Duration = .seconds(90)) async throws -> ExitStatus {
        try await withCheckedThrowingContinuation { continuation in
            let id = state.withLock { state -> Int? in
                if let status = state.status {
                    continuation.resume(returning: status)
                    return nil
                }
                state.nextWaiter += 1
                state.waiters[state.nextWaiter] = continuation
                return state.nextWaiter
            }
            guard let id else { return }
            DispatchQueue.global().asyncAfter(deadline: .now() + limit / .seconds(1)) { [weak self] in
                guard let self, let waiter = state.withLock({ $0.waiters.removeValue(forKey: id) }) else { return }
                signal(SIGKILL)
                waiter.resume(throwing: ProcessFailure("process \(pid) did not end within \(limit): \(errors.text)"))
            }
        }
    }

    /// Kills the process, as a crash would, and waits for its end.
    func killAndWait() async throws {
        signal(SIGKILL)
        _ = try await status()
    }

    private func waitAndReap() {
        var info = siginfo_t()
        // Left unreaped here, so that `signal` can't hit a new process with the same number.
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (status, waiters) = state.withLock { state in
            var raw: Int32 = 0
            waitpid(pid, &raw, 0)
            // The macros of <sys/wait.h>, which Swift doesn't import: the low 7 bits are the signal, the next 8 the
            // code.
            let status: ExitStatus = raw & 0x7F == 0 ? .code((raw >> 8) & 0xFF) : .signal(raw & 0x7F)
            state.status = status
            defer { state.waiters = [:] }
            return (status, Array(state.waiters.values))
        }
        Survivors.remove(pid)
        for waiter in waiters { waiter.resume(returning: status) }
    }

    private static func makePipe() throws -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0, ends.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }) else {
            throw ProcessFailure("no pipe: errno \(errno)")
        }
        return (ends[0], ends[1])
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        // A process may end without reading its input, and that is no reason for the tests to end.
        Foundation.signal(SIGPIPE, SIG_IGN)
        var rest = bytes[...]
        while !rest.isEmpty {
            // The pointer is used only during the call.
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        close(descriptor)
    }

    private static func spawn(
        _ command: [String], _ environment: [String: String], _ descriptors: [Int32]
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, end) in descriptors.enumerated() { posix_spawn_file_actions_adddup2(&actions, end, Int32(number)) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that the tests ignore would otherwise be ignored by the process too.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGPIPE, SIGTERM, SIGINT] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var all = ProcessInfo.processInfo.environment
        // A test says itself where its server is.
        all["CAIRN_ADDRESS"] = nil
        all.merge(environment) { $1 }
        // These C strings are pointers that live until the end of this function.
        var arguments = command.map { strdup($0) } + [nil]
        var variables = all.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid: pid_t = 0
        let failure = posix_spawnp(&pid, command[0], &actions, &attributes, &arguments, &variables)
        guard failure == 0 else {
            throw ProcessFailure("\(command[0]) can't be started: \(String(cString: strerror(failure)))")
        }
        return pid
    }
}

/// The processes that have not ended, so that none is left when the tests end early.
private enum Survivors {
    private static let pids = Mutex<Set<pid_t>?>(nil)

    static func add(_ pid: pid_t) {
        pids.withLock { pids in
            if pids == nil { atexit { Survivors.killAll() } }
            pids = (pids ?? []).union([pid])
        }
    }

    static func remove(_ pid: pid_t) { pids.withLock { _ = $0?.remove(pid) } }

    private static func killAll() { pids.withLock { for pid in $0 ?? [] { kill(pid, SIGKILL) } } }
}
