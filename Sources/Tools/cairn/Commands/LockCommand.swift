import ArgumentParser
import CairnModel

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Take a lock on a key, or extend the one that you hold.",
        discussion: """
            Prints the lock's token, which no earlier lock in the store has reached, and when the lock ends. Until \
            then nobody with another --client-id may change the key, nor read it unless --mode is "write". Ends \
            with 7 if another client has the lock.
            """)

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "How long to hold it, such as 30s.")
    var duration: DurationArgument

    @Option(help: "What others may not do: \"exclusive\" is read or write, \"write\" is write.")
    var mode = LockModeArgument(mode: .exclusive)

    @Flag(help: "Create the key, with an empty value, if it does not exist.")
    var createIfMissing = false

    @Option(help: ArgumentHelp("Wait so long while another client has the lock.", valueName: "duration"))
    var wait: DurationArgument?

    @Flag(help: "Wait for as long as it takes.")
    var waitForever = false

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if wait != nil, waitForever { throw ValidationError("give one of --wait and --wait-forever") }
    }

    func run() async throws {
        try await client.run { store in
            let lock = try await store.acquireLock(
                LockRequest(
                    Key(key), for: duration.duration, mode: mode.mode, createIfMissing: createIfMissing,
                    clientID: client.clientID, wait: waitForever ? nil : wait?.duration ?? .zero, requestID: .random()))
            if client.json {
                JSONLines.print(LockLine(lock, timeLeft: lock.duration))
            } else {
                Terminal.print("token \(lock.token), until \(lock.deadline.text)")
            }
        }
    }
}

struct UnlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock", abstract: "Give the lock on a key back.",
        discussion: "Does nothing if the key is not locked. Ends with 7 if another client has the lock.")

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            try await store.unlock(Key(key), clientID: client.clientID, requestID: .random())
        }
    }
}

struct LocksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "locks", abstract: "List the locks, the oldest first.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            var first = Ref(1)
            while true {
                let locks = try await store.locks(from: first, limit: 1_000)
                for status in locks {
                    if client.json {
                        JSONLines.print(LockLine(status.lock, timeLeft: status.timeLeft))
                    } else {
                        Terminal.print(TextLines.line(status))
                    }
                }
                guard let last = locks.last?.lock.token else { return }
                first = last.next
            }
        }
    }
}

/// A lock's mode on the command line.
struct LockModeArgument: ExpressibleByArgument, CustomStringConvertible {
    let mode: Lock.Mode

    init(mode: Lock.Mode) { self.mode = mode }

    init?(argument: String) {
        guard let mode = Lock.Mode(name: argument) else { return nil }
        self.mode = mode
    }

    var description: String { mode.description }
}
