import ArgumentParser
import CairnModel

struct LeaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lease", abstract: "Grant, show, list, keep alive and expire leases.",
        discussion: "When a lease expires, its keys expire with it, each with its own event.",
        subcommands: [
            LeaseGrantCommand.self, LeaseShowCommand.self, LeaseListCommand.self, LeaseKeepAliveCommand.self,
            LeaseExpireCommand.self,
        ])
}

struct LeaseGrantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant", abstract: "Make a lease and print its number.")

    @Argument(help: "How long it lives unless it is kept alive, such as 30s; without one, until it is expired.")
    var duration: DurationArgument?

    @Option(help: ArgumentHelp("The number to give it, 2^48 at least.", valueName: "id"))
    var id: Int64?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let lease = try await store.grantLease(
                id: id.map { LeaseID($0) }, duration: duration?.duration, requestID: .random())
            if client.json {
                JSONLines.print(LeaseLine(lease, timeLeft: lease.duration))
            } else {
                Terminal.print("\(lease.id)")
            }
        }
    }
}

struct LeaseShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a lease: the time it has left, and the keys on it.")

    @Argument(help: "The lease.")
    var id: Int64

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            guard let status = try await store.lease(LeaseID(id), withKeys: true) else {
                throw StoreError.leaseNotFound(LeaseID(id))
            }
            if client.json {
                return JSONLines.print(LeaseLine(status.lease, timeLeft: status.timeLeft, keys: status.keys))
            }
            Terminal.print(TextLines.line(status))
            for key in status.keys { Terminal.print("  " + TextLines.printable(key.bytes)) }
        }
    }
}

struct LeaseListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the leases that were granted or have a deadline.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            var first = LeaseID(0)
            while true {
                let leases = try await store.leases(from: first, limit: 1_000)
                for status in leases {
                    if client.json {
                        JSONLines.print(LeaseLine(status.lease, timeLeft: status.timeLeft))
                    } else {
                        Terminal.print(TextLines.line(status))
                    }
                }
                guard let last = leases.last?.lease.id else { return }
                first = LeaseID(last.rawValue + 1)
            }
        }
    }
}

struct LeaseKeepAliveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keep-alive", abstract: "Prolong a lease, once or until interrupted.",
        discussion: "Ends with 3 if the lease has expired: up to its deadline it has not.")

    @Argument(help: "The lease.")
    var id: Int64

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long from now; else as long as it was granted for.", valueName: "duration"))
    var duration: DurationArgument?

    @Flag(help: "Go on prolonging it, each time a third of its duration has passed.")
    var forever = false

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            while true {
                let lease = try await store.keepAlive(
                    LeaseID(id), expiry: duration.map { .after($0.duration) } ?? .keep)
                if client.json {
                    JSONLines.print(LeaseLine(lease, timeLeft: lease.duration))
                } else {
                    Terminal.print(
                        "lease \(lease.id) " + (lease.deadline.map { "until \($0.text)" } ?? "without a deadline"))
                }
                guard forever, let duration = lease.duration else { return }
                try await Task.sleep(for: duration / 3)
            }
        }
    }
}

struct LeaseExpireCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expire", abstract: "Expire a lease and its keys now.")

    @Argument(help: "The lease.")
    var id: Int64

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let records = try await store.expireLease(LeaseID(id), requestID: .random())
            for record in records where client.json { JSONLines.print(RecordLine(record)) }
            if !client.json { Terminal.print("\(records.count) keys expired") }
        }
    }
}
