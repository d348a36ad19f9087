import ArgumentParser
import CairnModel

struct ExistsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exists", abstract: "Tell whether there is a key.",
        discussion: "Prints true or false, and ends with 0 either way. A lock keeps nobody from asking.")

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let exists = try await store.metadata(of: Key(key)) != nil
            if client.json {
                JSONLines.print(["exists": exists])
            } else {
                Terminal.print("\(exists)")
            }
        }
    }
}
