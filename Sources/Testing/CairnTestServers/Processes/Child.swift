internal import Foundation
internal import Glibc
internal import Synchronization

/// How a process ended.
enum ExitStatus: Hashable, Sendable {
    case code(Int32)
    case signal(Int32)
}

/// A process that this one has started and reaps.
///
/// Only its standard streams are given to it; every other descriptor is closed in it.
final class Child: Sendable {
    /// What a child's standard streams are.
    struct Streams {
        var input: Int32
        var output: Int32
        var errors: Int32
    }

    let pid: pid_t
    private let status = Mutex<ExitStatus?>(nil)
    private let running = DispatchGroup()

    /// Starts `command`, a program and its arguments. Unless `ownGroup` is false it leads a process group
    /// of its own, so that what is sent to the tests' group, such as the terminal's Ctrl-C, doesn't reach it.
    init(
        _ command: [String], streams: Streams, directory: String? = nil, environment: [String: String] = [:],
        ownGroup: Bool = true
    ) throws {
        pid = try Child.spawn(
            command, streams, directory: directory, environment: environment, ownGroup: ownGroup)
        running.enter()
        Thread.detachNewThread { [self] in reap() }
    }

    /// How it ended; nil while it runs.
    var exit: ExitStatus? { status.withLock { $0 } }

    /// Sends a signal, unless the process has ended: its number may be another's by then.
    func signal(_ number: Int32) {
        status.withLock { status in
            if status == nil { kill(pid, number) }
        }
    }

    /// Waits for the end, at most for `limit`; nil if it still runs then. Blocks.
    func wait(atMost limit: Duration) -> ExitStatus? {
        _ = running.wait(timeout: .now() + limit / .seconds(1))
        return exit
    }

    private func reap() {
        var info = siginfo_t()
        // Left unreaped here, so that `signal` can't hit a new process with the same number.
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        status.withLock { status in
            var raw: Int32 = 0
            waitpid(pid, &raw, 0)
            // The macros of <sys/wait.h>, which Swift doesn't import: the low 7 bits are the signal, the next 8 the
            // code.
            status = raw & 0x7F == 0 ? .code((raw >> 8) & 0xFF) : .signal(raw & 0x7F)
        }
        running.leave()
    }

    private static func spawn(
        _ command: [String], _ streams: Streams, directory: String?, environment: [String: String], ownGroup: Bool
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, end) in [streams.input, streams.output, streams.errors].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, end, Int32(number))
        }
        try closeTheRest(&actions)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // What this process ignores or blocks, the other one doesn't.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let place = ownGroup ? POSIX_SPAWN_SETPGROUP : 0
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | place))

        var all = ProcessInfo.processInfo.environment
        // What would lead a client to another server, or a server to a directory where its account may not write.
        let astray = ["PG", "MYSQL", "MARIADB", "TMPDIR"]
        all = all.filter { variable in !astray.contains { variable.key.hasPrefix($0) } }
        all.merge(["LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8", "PGCONNECT_TIMEOUT": "10"]) { $1 }
        all.merge(environment) { $1 }
        // `env -C` changes the directory and then becomes the command, so the process is still ours.
        let command = directory.map { ["env", "-C", $0] + command } ?? command
        // These C strings are pointers that live until the end of this function.
        var arguments = command.map { strdup($0) } + [nil]
        var variables = all.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid: pid_t = 0
        let failure = posix_spawnp(&pid, command[0], &actions, &attributes, &arguments, &variables)
        guard failure == 0 else {
            throw ServerFailure("\(command[0]) can't be started: \(String(cString: strerror(failure)))")
        }
        return pid
    }

    /// Closes every descriptor but the standard streams: also those of other tests that are being made in this moment,
    /// such as a pipe whose end they wait for.
    private static func closeTheRest(_ actions: inout posix_spawn_file_actions_t) throws {
        // The function is glibc's own, and the Glibc module doesn't show it.
        typealias AddCloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
        guard let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else {
            throw ServerFailure("servers can't be started with this C library: glibc 2.34 or later is needed")
        }
        // Safe: this is the type that <spawn.h> gives the function, and the pointer lives only during the call.
        let add = unsafeBitCast(symbol, to: AddCloseFrom.self)
        guard add(&actions, 3) == 0 else { throw ServerFailure("no memory to start a process") }
    }
}
