import ArgumentParser
import CairnModel

struct PopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pop", abstract: "Print the value of a key and delete it, in one step.",
        discussion:
            "Prints the value as it is; on a terminal a line break follows. Ends with 3 if there is no such key.")

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let key = Key(key)
            guard let record = try await store.pop(key, clientID: client.clientID, requestID: .random()) else {
                throw StoreError.keyNotFound(key)
            }
            if client.json {
                JSONLines.print(RecordLine(record))
            } else {
                Terminal.write(record.value.content)
                if Terminal.isInteractive { Terminal.print("") }
            }
        }
    }
}
