import ArgumentParser
import CairnModel

struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Set many keys, several at a time.",
        discussion: """
            Without arguments the keys come from standard input, a KEY=VALUE a line; empty lines are passed over. \
            Prints a line for each key when it is set, or refused; sets of one key happen in the order in which they \
            came. Ends with 1 if one was refused; the others are set all the same.
            """)

    @Argument(help: ArgumentHelp("A key and its value; what follows the first = is the value.", valueName: "key=value"))
    var entries: [String] = []

    @Option(help: ArgumentHelp("Take a lock on each key for so long, or extend yours.", valueName: "duration"))
    var lock: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "Expire each key after this time, and let each set that says nothing of it start the time anew.",
            valueName: "duration"))
    var lifespan: DurationArgument?

    @Option(help: ArgumentHelp("Say what the values are, such as application/json.", valueName: "type"))
    var contentType: String?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            var loader = Loader(
                store: store, lock: lock?.duration, expiry: lifespan.map { .lifespan($0.duration) } ?? .keep,
                contentType: contentType, asJSON: client.json)
            // Refused before anything is set.
            _ = try Value("", contentType: contentType)
            if entries.isEmpty {
                try await loader.load(StandardInput.lines())
            } else {
                try await loader.load(entries.map { Array($0.utf8) }.stream)
            }
            if loader.count == 0 { throw StoreError(.invalidArgument, "there was nothing to load: give KEY=VALUE") }
            if loader.failures > 0 {
                Terminal.complain("\(loader.failures) of \(loader.count) could not be set")
                throw ExitCode(1)
            }
        }
    }
}

/// Sets keys, a few at a time, and prints what became of each.
private struct Loader {
    let store: any Store
    let lock: Duration?
    let expiry: Expiry
    let contentType: String?
    let asJSON: Bool
    private(set) var count = 0
    private(set) var failures = 0

    /// Sets that are under way at once: enough to fill a batch of the server's now and then.
    private static let atOnce = 64

    init(store: any Store, lock: Duration?, expiry: Expiry, contentType: String?, asJSON: Bool) {
        self.store = store
        self.lock = lock
        self.expiry = expiry
        self.contentType = contentType
        self.asJSON = asJSON
    }

    mutating func load(_ lines: AsyncThrowingStream<[UInt8], any Error>) async throws {
        try await withThrowingTaskGroup(of: LoadLine.self) { group in
            var underWay: Set<Key> = []
            func takeOne() async throws {
                guard let line = try await group.next() else { return }
                underWay.remove(line.id)
                note(line)
            }
            for try await line in lines where !line.isEmpty {
                let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                let key = Key(bytes: Array(parts[0]))
                guard parts.count == 2 else {
                    note(LoadLine(key, StoreError(.invalidArgument, "the line has no =", key: key)))
                    continue
                }
                let value = try Value(Array(parts[1]), contentType: contentType)
                while underWay.count >= Loader.atOnce || underWay.contains(key) { try await takeOne() }
                underWay.insert(key)
                group.addTask { [self] in await set(key, value) }
            }
            while !underWay.isEmpty { try await takeOne() }
        }
    }

    private func set(_ key: Key, _ value: Value) async -> LoadLine {
        var operations: [CairnModel.Operation] = [.set(key, value, expiry: expiry)]
        if let lock { operations.append(.lock(key, duration: lock)) }
        do throws(StoreError) {
            let result = try await store.commit(Transaction(then: operations, requestID: .random()))
            guard case .written(let record)? = result.results.first else { return LoadLine(key, nil) }
            return LoadLine(record)
        } catch {
            return LoadLine(key, error)
        }
    }

    private mutating func note(_ line: LoadLine) {
        count += 1
        if line.error != nil { failures += 1 }
        if asJSON { JSONLines.print(line) } else { Terminal.print(line.text) }
    }
}

/// What became of one key.
private struct LoadLine: Encodable, Sendable {
    let id: Key
    var version: Int64?
    var ref: Int64?
    var error: String?
    var code: String?

    init(_ record: Record) {
        id = record.key
        version = record.version
        ref = record.updatedRef.rawValue
    }

    init(_ key: Key, _ failure: StoreError?) {
        id = key
        error = failure?.message ?? "the server's answer does not fit"
        code = failure?.code.rawValue
    }

    var text: String {
        let key = TextLines.printable(id.bytes)
        guard let version, let ref else { return "\(key)\terror: \(error ?? "")" }
        return "\(key)\tversion \(version), ref \(ref)"
    }

    private enum CodingKeys: CodingKey { case key, keyBase64, version, ref, error, code }

    func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: CodingKeys.self)
        let (key, keyBase64) = texts(id.bytes)
        try object.encodeIfPresent(key, forKey: .key)
        try object.encodeIfPresent(keyBase64, forKey: .keyBase64)
        try object.encodeIfPresent(version, forKey: .version)
        try object.encodeIfPresent(ref, forKey: .ref)
        try object.encodeIfPresent(error, forKey: .error)
        try object.encodeIfPresent(code, forKey: .code)
    }
}

extension [[UInt8]] {
    fileprivate var stream: AsyncThrowingStream<[UInt8], any Error> {
        AsyncThrowingStream { stream in
            for line in self { stream.yield(line) }
            stream.finish()
        }
    }
}
