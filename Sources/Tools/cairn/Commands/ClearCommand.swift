import ArgumentParser
import CairnModel

struct ClearCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear", abstract: "Delete all keys that nobody has locked, or all that start with a prefix.",
        discussion: "Prints how many were deleted. They are deleted all at once, each with its own event.")

    @Argument(help: "What the keys start with; every key has to be asked for with --all.")
    var prefix: String?

    @Flag(help: "Every key of the store.")
    var all = false

    @Flag(help: "Delete locked keys, too.")
    var force = false

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if (prefix == nil) != all { throw ValidationError("give a prefix, or --all") }
    }

    func run() async throws {
        try await client.run { store in
            let range = prefix.map { KeyRange(prefix: Key($0)) } ?? .all
            let records = try await store.clear(
                range, force: force, clientID: client.clientID, requestID: .random())
            if client.json {
                for record in records { JSONLines.print(RecordLine(record)) }
            } else {
                Terminal.print("\(records.count) deleted")
            }
        }
    }
}
