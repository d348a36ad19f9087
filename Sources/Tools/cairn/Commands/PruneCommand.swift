import ArgumentParser
import CairnClient
import CairnModel

struct PruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Delete the keys that are missed least, until there are only so many.",
        discussion: """
            Prints how many were deleted. What is missed least the server's --prune-by says. Keys that are locked, or \
            begin with one of the server's --prune-exempt, stay, so more may be left.
            """)

    @Argument(help: "How many keys may be left.")
    var pruneTo: Int

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Keys that stay.", valueName: "key"))
    var ignore: [String] = []

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if pruneTo < 0 { throw ValidationError("the number of keys that may be left is 0 at least") }
    }

    func run() async throws {
        try await client.runClient { client in
            let count = try await client.prune(to: pruneTo, ignoring: ignore.map { Key($0) })
            if self.client.json {
                JSONLines.print(["pruned": count])
            } else {
                Terminal.print("\(count) pruned")
            }
        }
    }
}
