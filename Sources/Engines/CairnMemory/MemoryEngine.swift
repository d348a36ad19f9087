public import CairnKeyspace
public import CairnModel
internal import Synchronization

/// The memory home: an ordered index and the log in memory, gone with the process. The reference for every other
/// engine.
///
/// One lock guards it all; what is done under it is a matter of microseconds, so callers run it where they stand.
public final class MemoryEngine: Engine, @unchecked Sendable {
    // Unchecked, because `tables` is a plain class so that its parts change in place; it is only touched under `lock`.
    private let tables: Tables
    private let lock = Mutex<Void>(())

    /// An empty store.
    public init() { tables = Tables() }

    /// A store that begins with what these hold; nobody else may have them.
    init(_ tables: Tables) { self.tables = tables }

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

    /// Decides and stores under the lock.
    public func commit(_ decide: (any EngineView) throws(StoreError) -> Changes?) throws(StoreError) {
        try lock.withLock { (_) throws(StoreError) in
            if let changes = try decide(tables) { tables.store(changes) }
        }
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
