import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestWaits
import Glibc
import Synchronization

/// A memory engine that blocks, and that a test can hold in the middle of a commit, make fail, or write to behind a
/// store's back.
final class ScriptedEngine: Engine {
    private struct State {
        var holdsNext = false
        var isHeld = false
        var heldWaiters: [Resumption<Void>] = []
        var refuse: @Sendable (Changes?) -> StoreError? = { _ in nil }
        var commits = 0
        var runners: [Runner] = []
        var hasForeignChanges = false
    }

    /// What it keeps things in. Committing here is what another process would do.
    let base = MemoryEngine()
    let blocks: Bool
    let readers: Int
    private let state = Mutex(State())
    private let gate = Gate()

    let gathersBatches: Bool

    let capabilities: Capabilities

    init(
        blocks: Bool = true, readers: Int = 2, gathersBatches: Bool = false, without missing: Set<Capability> = []
    ) {
        capabilities = Capabilities(base.capabilities.supported.subtracting(missing))
        self.blocks = blocks
        self.gathersBatches = gathersBatches
        self.readers = readers
    }

    var name: String { "scripted" }

    /// How many commits have been tried.
    var commits: Int { state.withLock { $0.commits } }

    /// Who made a commit.
    struct Runner {
        var thread: UInt
        var isTask: Bool
    }

    /// Who made each commit.
    var runners: [Runner] { state.withLock { $0.runners } }

    /// Holds the next commit before it decides, until ``release()``.
    func holdNextCommit() { state.withLock { $0.holdsNext = true } }

    /// Returns when a commit is held.
    func waitUntilHeld() async throws {
        try await waiting(for: "a commit is held") { waiter in
            let isHeld = state.withLock { state in
                if !state.isHeld { state.heldWaiters.append(waiter) }
                return state.isHeld
            }
            if isHeld { waiter.resume() }
        }
    }

    /// Lets the held commit go on.
    func release() { gate.open() }

    /// Makes commits fail with what `refuse` returns for what they would store.
    func refuse(_ refuse: @escaping @Sendable (Changes?) -> StoreError?) { state.withLock { $0.refuse = refuse } }

    /// Says whether another process may have written.
    func setForeignChanges(_ flag: Bool) { state.withLock { $0.hasForeignChanges = flag } }

    func readyRecord(_ key: Key) -> ReadyRecord? { blocks ? nil : base.readyRecord(key) }

    func read<Result>(_ body: (any EngineView) throws(StoreError) -> Result) throws(StoreError) -> Result {
        try base.read(body)
    }

    func commit(_ decide: (any EngineView) throws(StoreError) -> Changes?) throws(StoreError) {
        let (isHeld, waiters) = state.withLock { state -> (Bool, [Resumption<Void>]) in
            state.commits += 1
            // Unsafe, as what is passed lives for the closure alone; only whether there is one is looked at.
            let isTask = withUnsafeCurrentTask { $0 != nil }
            state.runners.append(Runner(thread: UInt(pthread_self()), isTask: isTask))
            guard state.holdsNext else { return (false, []) }
            state.holdsNext = false
            state.isHeld = true
            defer { state.heldWaiters = [] }
            return (true, state.heldWaiters)
        }
        for waiter in waiters { waiter.resume() }
        if isHeld {
            guard gate.passes() else { throw StoreError(.unavailable, "the test never let the commit go") }
            state.withLock { $0.isHeld = false }
        }
        try base.commit { (view) throws(StoreError) in
            let changes = try decide(view)
            if let error = state.withLock({ $0.refuse })(changes) { throw error }
            return changes
        }
    }

    func trim() throws(StoreError) -> Bool { try base.trim() }
    func mayHaveForeignChanges(since ref: Ref) -> Bool { state.withLock { $0.hasForeignChanges } }
    func backup(toFile path: String) throws(StoreError) { try base.backup(toFile: path) }
    func close() {}
}
