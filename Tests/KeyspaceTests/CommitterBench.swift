import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Logging

@testable import CairnKeyspace

/// A committer over a scripted engine, and the hub it tells.
struct CommitterBench {
    let engine: ScriptedEngine
    let hub = Hub(head: 0)
    let clock = ManualClock()
    let committer: Committer

    init(
        _ engine: ScriptedEngine = ScriptedEngine(), limits: Limits = .standard, batch: Committer.BatchLimits = .init()
    ) {
        self.engine = engine
        var batch = batch
        // On a busy machine a batch may take any time; only a test of that means to hear of it.
        if batch.time != .zero { batch.time = .seconds(3_600) }
        committer = Committer(
            engine: engine, clock: clock, limits: limits, batchLimits: batch, hub: hub, nextDeadline: nil,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, deadlineMoved: { _ in })
    }

    func set(_ key: Key, _ value: Value = "1") async -> Result<TransactionResult, StoreError> {
        await commit([.set(key, value)])
    }

    func commit(_ operations: [CairnModel.Operation]) async -> Result<TransactionResult, StoreError> {
        do throws(StoreError) {
            return .success(try await committer.commit(Transaction(then: operations)))
        } catch {
            return .failure(error)
        }
    }

    /// Returns when `count` transactions wait.
    func waitForWaiting(_ count: Int) async throws {
        try await eventually("\(count) transactions wait") { committer.waitingCount >= count }
    }

    /// Holds a commit, has `keys` set behind it, and returns the answers after it was let go.
    func setBehindAHeldCommit(_ keys: [Key]) async throws -> [Result<TransactionResult, StoreError>] {
        engine.holdNextCommit()
        async let first = set("first")
        try await engine.waitUntilHeld()
        let answers = try await withThrowingTaskGroup(of: (Int, Result<TransactionResult, StoreError>).self) { group in
            for (index, key) in keys.enumerated() { group.addTask { (index, await set(key)) } }
            try await waitForWaiting(keys.count)
            engine.release()
            var answers: [Int: Result<TransactionResult, StoreError>] = [:]
            for try await (index, answer) in group { answers[index] = answer }
            return keys.indices.compactMap { answers[$0] }
        }
        _ = await first
        return answers
    }
}

extension Result where Failure == StoreError {
    var code: StoreError.Code? { if case .failure(let error) = self { error.code } else { nil } }
}
