import ArgumentParser
import CairnModel

struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact", abstract: "Drop the events before a ref from the log. The records stay.")

    @Argument(help: "The oldest event to keep.")
    var before: Int64

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in try await store.compact(before: Ref(before)) }
    }
}
