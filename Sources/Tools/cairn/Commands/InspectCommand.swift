import ArgumentParser
import CairnClient
import CairnModel

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Tell what there is to tell of a key besides its value.",
        discussion: """
            Prints a line each: the size, the 64-bit FNV-1a hash and the content type of the value, which was given \
            with it or else is told by its first bytes; versions, refs and times; the lease and the lock. A lock \
            keeps nobody from it, but from the value. Ends with 3 if there is no such key.
            """)

    @Argument(help: "The key.")
    var key: String

    @Flag(help: "Print the value, too.")
    var withValue = false

    @Flag(help: "Print how the server has seen the key used, too, if it counts that.")
    var withMetrics = false

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.runClient { client in
            let key = Key(key)
            let found: (inspection: KeyInspection, metrics: KeyMetrics?)?
            if withMetrics {
                found = try await client.inspectWithMetrics(key, withValue: withValue)
            } else {
                found = try await client.inspect(key, withValue: withValue, clientID: "").map { ($0, nil) }
            }
            guard let found else { throw StoreError.keyNotFound(key) }
            if self.client.json {
                JSONLines.print(InspectionLine(found.inspection, found.metrics, withValue: withValue))
            } else {
                for line in InspectionText.lines(found.inspection, withValue: withValue) { Terminal.print(line) }
                for line in found.metrics.map(InspectionText.lines) ?? [] { Terminal.print(line) }
            }
        }
    }
}
