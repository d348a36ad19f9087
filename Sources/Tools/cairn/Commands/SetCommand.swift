import ArgumentParser
import CairnModel
import Foundation

struct SetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set a key.",
        discussion: """
            Prints the version and the event's ref. The value `-` is read from standard input, as it is. A set without \
            a content type leaves the key without one.
            """)

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "The value, or - for standard input.")
    var value: String

    @Option(
        help: ArgumentHelp("Say what the value is, such as image/png; `inspect` tells it.", valueName: "type"))
    var contentType: String?

    @OptionGroup var conditions: ConditionOptions

    @Option(help: ArgumentHelp("Expire the key after this time, such as 30s.", valueName: "duration"))
    var expiresIn: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "Expire the key after this time, and let each set that says nothing of it start the time anew.",
            valueName: "duration"))
    var lifespan: DurationArgument?

    @Flag(help: "Make the key live until it is deleted.")
    var neverExpires = false

    @Option(help: ArgumentHelp("Put the key on this lease.", valueName: "id"))
    var lease: Int64?

    @Flag(
        help: "Leave the key at its version, without an event, if it has this value and type; a lifespan starts anew.")
    var unlessUnchanged = false

    @Option(help: ArgumentHelp("Take a lock on the key for so long, or extend yours.", valueName: "duration"))
    var lock: DurationArgument?

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if [expiresIn != nil, lifespan != nil, neverExpires, lease != nil].filter({ $0 }).count > 1 {
            throw ValidationError("give one of --expires-in, --lifespan, --never-expires and --lease")
        }
    }

    private var expiry: Expiry {
        if let expiresIn { return .after(expiresIn.duration) }
        if let lifespan { return .lifespan(lifespan.duration) }
        return neverExpires ? .never : .keep
    }

    func run() async throws {
        try await client.run { store in
            let key = Key(key)
            let bytes = value == "-" ? Array(try FileHandle.standardInput.readToEnd() ?? Data()) : Array(value.utf8)
            let value = try Value(bytes, contentType: contentType)
            var operations: [CairnModel.Operation] = [
                .set(
                    key, value, lease: lease.map { LeaseID($0) }, expiry: expiry,
                    skipIfUnchanged: unlessUnchanged)
            ]
            if let lock { operations.append(.lock(key, duration: lock.duration)) }
            let result = try await store.commitChecked(
                Transaction(if: try conditions.conditions(on: key), then: operations, requestID: .random()))
            guard case .written(let record)? = result.results.first else { return }
            if client.json {
                JSONLines.print(RecordLine(record))
            } else {
                Terminal.print("version \(record.version), ref \(record.updatedRef)")
            }
        }
    }
}
