import ArgumentParser
import CairnModel

struct TouchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "touch", abstract: "Start the time of a key's lifespan anew, and leave the key as it is.",
        discussion: """
            Prints when the key expires. A key without a lifespan keeps its deadline, if it has one. Ends with 3 if \
            there is no such key, with 7 if another client has locked it.
            """)

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let lease = try await store.touch(Key(key), clientID: client.clientID, requestID: .random())
            if client.json {
                JSONLines.print(LeaseLine(lease))
            } else {
                Terminal.print(lease.deadline.map { "expires at \($0.text)" } ?? "never expires")
            }
        }
    }
}
