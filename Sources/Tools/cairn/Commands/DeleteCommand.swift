import ArgumentParser
import CairnModel

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a key, or with --tree all keys that start with it.",
        discussion: "Ends with 3 if there is no such key.")

    @Argument(help: "The key.")
    var key: String

    @Flag(help: "Delete every key that starts with the key given, all at once.")
    var tree = false

    @OptionGroup var conditions: ConditionOptions

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let key = Key(key)
            let operation: Operation = tree ? .deleteRange(KeyRange(prefix: key)) : .delete(key)
            let result = try await store.commitChecked(
                Transaction(if: try conditions.conditions(on: key), then: [operation], requestID: .random()))
            guard case .deleted(let records)? = result.results.first else { return }
            if records.isEmpty, !tree { throw StoreError.keyNotFound(key) }
            for record in records where client.json { JSONLines.print(RecordLine(record)) }
            if client.json { return }
            if tree {
                Terminal.print("\(records.count) deleted")
            } else if let record = records.first {
                Terminal.print("version \(record.version), ref \(record.updatedRef)")
            }
        }
    }
}
