import ArgumentParser
import CairnClient
import CairnModel

struct MetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Tell how often a server has seen a key read, set and locked.",
        discussion: """
            Also of a key that is no more. Ends with 3 if the server knows nothing of the key. The server counts if it \
            prunes, or with --key-metrics; it forgets when it ends.
            """)

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.runClient { client in
            let key = Key(key)
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
