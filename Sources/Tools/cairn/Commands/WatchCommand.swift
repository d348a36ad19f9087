import ArgumentParser
import CairnModel

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Print events as they happen.",
        discussion: """
            Prints ref, kind, key, version and value. Goes on until it is interrupted, over broken connections
            too: nothing is left out or comes twice.

            With --kind accessed it also tells, while it happens, of each value that the server gives to a reader: \
            "-", the kind, the key, the version and who read it. Those events are not in the log: they don't come \
            again, and a message tells when some could not be told. Lists and watches are no reads.
            """)

    @Argument(help: "The prefixes of the keys to watch; without one, all of them.")
    var prefixes: [String] = []

    @Option(help: ArgumentHelp("Start with this event; 0 for the oldest that is kept.", valueName: "ref"))
    var from: Int64?

    @Flag(help: "Print the records that there are first, then every event after them.")
    var current = false

    @Flag(help: "End with the last event that there is now.")
    var untilHead = false

    @Flag(help: "Watch the keys given, not all that start with them.")
    var exact = false

    @Option(
        help: ArgumentHelp(
            "Only events of this kind: \(Event.Kind.all.map(\.description).joined(separator: ", ")). May be repeated.",
            valueName: "kind"))
    var kind: [String] = []

    @Option(help: ArgumentHelp("Only what this client did. May be repeated.", valueName: "id"))
    var by: [String] = []

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if current && from != nil { throw ValidationError("give one of --from and --current") }
        if exact && prefixes.isEmpty { throw ValidationError("--exact needs a key") }
        for name in kind where Event.Kind(name: name) == nil {
            let kinds = Event.Kind.all.map(\.description).joined(separator: ", ")
            throw ValidationError("there is no kind \"\(name)\"; there are \(kinds)")
        }
    }

    func run() async throws {
        try await client.run { store in
            let start: WatchRequest.Start = current ? .current : from.map { .ref(Ref($0)) } ?? .now
            let keys = prefixes.map { Key($0) }
            let stream = try await store.watch(
                WatchRequest(
                    ranges: keys.isEmpty ? [.all] : keys.map { exact ? KeyRange(single: $0) : KeyRange(prefix: $0) },
                    start: start, kinds: Set(kind.compactMap { Event.Kind(name: $0) }), clientIDs: Set(by),
                    untilHead: untilHead))
            for try await update in stream {
                switch update {
                case .events(let events): for event in events { show(event) }
                case .records(let records, _): for record in records { show(record) }
                case .progress: break
                case .accesses(let accesses, let missed):
                    for access in accesses { show(access) }
                    show(missed)
                }
            }
        }
    }

    private func show(_ event: Event) {
        if client.json { JSONLines.print(EventLine(event)) } else { Terminal.print(TextLines.line(event)) }
    }

    private func show(_ access: KeyAccess) {
        if client.json { JSONLines.print(AccessLine(access)) } else { Terminal.print(TextLines.line(access)) }
    }

    private func show(_ missed: MissedAccesses) {
        if missed == .none { return }
        if client.json { return JSONLines.print(MissedAccessesLine(missed)) }
        switch missed {
        case .none: break
        case .upTo(let count): Terminal.complain("up to \(count) reads could not be told")
        case .unknown: Terminal.complain("the connection was broken; reads in the meantime are not told")
        }
    }

    private func show(_ record: Record) {
        if client.json { return JSONLines.print(RecordLine(record)) }
        let fields = [
            record.updatedRef.description, Terminal.styled("current", .dim), TextLines.printable(record.key.bytes),
            "v\(record.version)", TextLines.printable(record.value.content),
        ]
        Terminal.print(fields.joined(separator: "\t"))
    }
}
