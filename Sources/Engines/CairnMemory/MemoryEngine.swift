public import CairnKeyspace
public import CairnModel
internal import Synchronization

/// The memory home: an ordered index and the log in memory, gone with the process. The reference for every other
/// engine.
///
/// One lock guards what readers see; what is done under it is a matter of microseconds, so callers run it where they
/// stand. Only whoever commits changes anything, and there is one at a time: so a batch is decided without the lock,
/// and stored under it, a large one even beside it, in a copy that then takes the place of what was there.
public final class MemoryEngine: Engine, @unchecked Sendable {
    // Unchecked, because `tables` is a plain class so that its parts change in place. It is changed under `lock`, and
    // by the one who commits; so that one reads it without.
    private var tables: Tables
    private let lock = Mutex<Void>(())

    /// A batch with more events is stored in a copy: readers would wait for it too long. The copy costs something for
    /// each piece of the tables, so a batch of ordinary writes isn't worth one.
    private let eventsInPlace: Int

    /// An empty store.
    public convenience init() { self.init(Tables()) }

    /// An empty store that stores batches with more events than these in a copy; for tests.
    package convenience init(eventsInPlace: Int) { self.init(Tables(), eventsInPlace: eventsInPlace) }

    /// A store that begins with what these hold; nobody else may have them.
    init(_ tables: Tables, eventsInPlace: Int = 2_048) {
        self.tables = tables
        self.eventsInPlace = eventsInPlace
    }

    /// `memory`
    public var name: String { "memory" }

    /// All but what needs a file.
    public var capabilities: Capabilities { MemoryEngine.capabilities }

    /// All but what needs a file.
    public static let capabilities = Capabilities([
        .transactions, .leases, .locks, .eventLog, .consumers, .requestIDs, .compaction, .accesses,
    ])

    /// Nothing waits.
    public var blocks: Bool { false }

    /// One: the lock lets no more in.
    public var readers: Int { 1 }

    /// The live keys, the leases and the locks.
    public var size: HomeSize { lock.withLock { _ in tables.size } }

    /// The record at once, always.
    public func readyRecord(_ key: Key) -> ReadyRecord? {
        // Only found under the lock, and copied outside of it.
        guard let event = lock.withLock({ _ in tables.lastEvent(of: key) }) else { return .absent }
        return .record(event.record(key: key))
    }

    /// Calls `body` under the lock.
    public func read<Result>(
        _ body: (any EngineView) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        var result: Result?
        try lock.withLock { (_) throws(StoreError) in result = try body(tables) }
        guard let result else { throw StoreError(.internal, "a read ended without a result") }
        return result
    }

    /// Decides while others read, and stores under the lock or beside it.
    public func commit(_ decide: (any EngineView) throws(StoreError) -> Changes?) throws(StoreError) {
        guard let changes = try decide(tables) else { return }
        guard changes.events.count > eventsInPlace else { return lock.withLock { _ in tables.store(changes) } }
        let next = tables.copy()
        next.store(changes)
        let old = tables
        lock.withLock { _ in tables = next }
        // Freed here, not under the lock.
        withExtendedLifetime(old) {}
    }

    /// Frees a piece of the compacted log.
    public func trim() throws(StoreError) -> Bool { lock.withLock { _ in tables.trim() } }

    /// Never: nobody else has it.
    public func mayHaveForeignChanges(since ref: Ref) -> Bool { false }

    /// Not here.
    public func backup(toFile path: String) throws(StoreError) { try capabilities.require(.backup) }

    /// Nothing to free before the engine itself is.
    public func close() {}

    /// All that the store holds, as of now. Takes as long for a large store as for a small one; also after ``close()``.
    package func cut() -> MemoryCut { lock.withLock { _ in tables.cut() } }
}
