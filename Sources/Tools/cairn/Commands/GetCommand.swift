import ArgumentParser
import CairnModel

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print the value of a key.",
        discussion:
            "Prints the value as it is; on a terminal a line break follows. Ends with 3 if there is no such key.")

    @Argument(help: "The key.")
    var key: String

    @Flag(help: "Let a read replica of the server's database answer, which may be a little behind.")
    var stale = false

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let key = Key(key)
            guard let record = try await store.get(key, consistency: stale ? .stale : .linearizable) else {
                throw StoreError.keyNotFound(key)
            }
            if client.json {
                JSONLines.print(RecordLine(record))
            } else {
                Terminal.write(record.value.bytes)
                if Terminal.isInteractive { Terminal.print("") }
            }
        }
    }
}
