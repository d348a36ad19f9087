import CairnKeyspace
import CairnMemory
import CairnModel
import Dispatch
import Foundation
import Synchronization

/// A memory engine that blocks, and that a test can hold in the middle of a commit, make fail, or write to behind a
/// store's back.
final class ScriptedEngine: Engine {
    private struct State {
        var holdsNext = false
        var isHeld = false
        var heldWaiters: [CheckedContinuation<Void, Never>] = []
        var refuse: @Sendable (Changes?) -> StoreError? = { _ in nil }
        var commits = 0
        var threads: [String] = []
        var hasForeignChanges = false
    }

    /// What it keeps things in. Committing here is what another process would do.
    let base = MemoryEngine()
    let blocks: Bool
    let readers: Int
    private let state = Mutex(State())
    private let gate = DispatchSemaphore(value: 0)

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

    /// The name of the thread that each commit was made on.
    var threads: [String] { state.withLock { $0.threads } }

    /// Holds the next commit before it decides, until ``release()``.
    func holdNextCommit() { state.withLock { $0.holdsNext = true } }

    /// Returns when a commit is held.
    func waitUntilHeld() async {
        await withCheckedContinuation { waiter in
            let isHeld = state.withLock { state in
                if !state.isHeld { state.heldWaiters.append(waiter) }
                return state.isHeld
            }
            if isHeld { waiter.resume() }
        }
    }

    /// Lets the held commit go on.
    func release() { gate.signal() }

    /// Makes commits fail with what `refuse` returns for what they would store.
    func refuse(_ refuse: @escaping @Sendable (Changes?) -> StoreError?) { state.withLock { $0.refuse = refuse } }

    /// Says whether another process may have written.
    func setForeignChanges(_ flag: Bool) { state.withLock { $0.hasForeignChanges = flag } }

    func readyRecord(_ key: Key) -> ReadyRecord? { blocks ? nil : base.readyRecord(key) }

    func read<Result>(_ body: (any EngineView) throws(StoreError) -> Result) throws(StoreError) -> Result {
        try base.read(body)
    }

    func commit(_ decide: (any EngineView) throws(StoreError) -> Changes?) throws(StoreError) {
        let (isHeld, waiters) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
            state.commits += 1
            state.threads.append(Thread.current.name ?? "")
            guard state.holdsNext else { return (false, []) }
            state.holdsNext = false
            state.isHeld = true
            defer { state.heldWaiters = [] }
            return (true, state.heldWaiters)
        }
        for waiter in waiters { waiter.resume() }
        if isHeld {
            gate.wait()
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
