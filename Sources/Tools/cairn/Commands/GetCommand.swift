import ArgumentParser
import CairnModel

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print the value of a key.",
        discussion:
            "Prints the value as it is; on a terminal a line break follows. Ends with 3 if there is no such key.")

    @Argument(help: "The key.")
    var key: String

    @Option(
        help: ArgumentHelp(
            "Print what it was at this version; below 0, so many versions before the last; 0 is now.", valueName: "n"))
    var revision: Int64?

    @Option(help: ArgumentHelp("Print what it was right after this event.", valueName: "ref"))
    var asOf: Int64?

    @Flag(help: "Let a read replica of the server's database answer, which may be a little behind.")
    var stale = false

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if revision != nil, asOf != nil { throw ValidationError("give one of --revision and --as-of") }
        if stale, revision != nil || asOf != nil { throw ValidationError("--stale goes with the current value alone") }
    }

    func run() async throws {
        try await client.run { store in
            let key = Key(key)
            if let wanted = asOf.map({ .asOf(Ref($0)) }) ?? revision.flatMap(Revision.init(number:)) {
                guard let found = try await store.revision(of: key, wanted, clientID: client.clientID),
                    found.record.isLive
                else { throw StoreError.revisionNotFound(wanted, of: key) }
                return show(found)
            }
            guard let record = try await store.get(key, consistency: stale ? .stale : .linearizable) else {
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

    private func show(_ revision: KeyRevision) {
        if client.json { return JSONLines.print(RevisionLine(revision)) }
        Terminal.write(revision.record.value.content)
        if Terminal.isInteractive { Terminal.print("") }
    }
}
