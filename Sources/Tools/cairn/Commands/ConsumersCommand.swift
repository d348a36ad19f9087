import ArgumentParser
import CairnModel

struct ConsumersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consumers", abstract: "List, reset and delete named consumers.",
        subcommands: [ConsumersListCommand.self, ConsumersResetCommand.self, ConsumersDeleteCommand.self])
}

struct ConsumersListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the consumers, their cursors and how far they are behind.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let head = try await store.status().headRef
            var after = ""
            while true {
                let consumers = try await store.consumers(after: after, limit: 1_000)
                for consumer in consumers {
                    if client.json {
                        JSONLines.print(ConsumerLine(consumer))
                    } else {
                        let behind = max(0, head.rawValue - consumer.cursor.rawValue)
                        Terminal.print("\(consumer.name)\tat \(consumer.cursor)\t\(behind) behind")
                    }
                }
                guard let last = consumers.last?.name else { return }
                after = last
            }
        }
    }
}

struct ConsumersResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Set a consumer's cursor, forwards or back.")

    @Argument(help: "The consumer's name.")
    var name: String

    @Argument(help: "The event after which it shall go on; 0 for the first.")
    var ref: Int64

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let result = try await store.commit(
                Transaction(then: [.resetConsumer(name, to: Ref(ref))], requestID: .random()))
            guard case .consumer(let consumer)? = result.results.first else { return }
            if client.json {
                JSONLines.print(ConsumerLine(consumer))
            } else {
                Terminal.print("\(consumer.name) at \(consumer.cursor)")
            }
        }
    }
}

struct ConsumersDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Forget a consumer.")

    @Argument(help: "The consumer's name.")
    var name: String

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            _ = try await store.commit(Transaction(then: [.deleteConsumer(name)], requestID: .random()))
        }
    }
}
