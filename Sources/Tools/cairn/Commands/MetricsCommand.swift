import ArgumentParser
import CairnClient
import CairnModel

struct MetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Tell how often a server has seen a key read, set and locked.",
        discussion: """
            Also of a key that is no more. Ends with 3 if the server knows nothing of the key. Without a key, tells of \
            those that are used most just now: uses a second, and what they are in all. The server counts if it \
            prunes, or with --key-metrics; it forgets when it ends, unless a store in memory is kept by snapshots.
            """)

    @Argument(help: "The key.")
    var key: String?

    @Option(help: ArgumentHelp("Without a key: how many keys at most, up to 1000. (default: 10)", valueName: "n"))
    var limit: Int?

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if key != nil, limit != nil { throw ValidationError("--limit goes without a key") }
    }

    func run() async throws {
        try await client.runClient { client in
            guard let key = key.map({ Key($0) }) else {
                for hot in try await client.hottestKeys(limit: limit ?? 10) {
                    if self.client.json {
                        JSONLines.print(HotKeyLine(hot))
                    } else {
                        Terminal.print(InspectionText.line(hot))
                    }
                }
                return
            }
            guard let metrics = try await client.keyMetrics(of: key) else {
                throw StoreError(.keyNotFound, "nothing is known of the use of key \(key)", key: key)
            }
            if self.client.json {
                JSONLines.print(MetricsLine(metrics))
            } else {
                for line in InspectionText.lines(metrics) { Terminal.print(line) }
            }
        }
    }
}
