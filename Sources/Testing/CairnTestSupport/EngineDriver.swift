public import CairnKeyspace
public import CairnModel

/// Runs batches on an engine, one after the other, where the caller stands: no queue, no clock, no threads.
public final class EngineDriver {
    /// The engine.
    public let engine: any Engine
    private let limits: Limits
    /// Every event that was committed, those that were compacted away too.
    public private(set) var events: [Event] = []

    /// A driver of a fresh engine.
    public init(_ engine: any Engine, limits: Limits = .standard) {
        self.engine = engine
        self.limits = limits
    }

    /// Expires what is due at `now`, as batches of their own.
    public func expireDue(at now: Timestamp) throws(StoreError) {
        var more = true
        while more {
            try run(at: now) { (batch) throws(StoreError) in
                try batch.expireDue()
                more = batch.isBehind
            }
        }
    }

    /// Commits transactions as one batch.
    public func commit(
        _ transactions: [Transaction], at now: Timestamp
    ) throws(StoreError) -> [Result<TransactionResult, StoreError>] {
        // As a store does: what makes no sense is refused before it waits.
        let refusals = transactions.map { (transaction) -> StoreError? in
            do throws(StoreError) {
                try transaction.check(limits)
                return nil
            } catch {
                return error
            }
        }
        let accepted = zip(transactions, refusals).filter { $0.1 == nil }.map(\.0)
        var decided: [Result<TransactionResult, StoreError>] = []
        if !accepted.isEmpty {
            try run(at: now) { (batch) throws(StoreError) in decided = try batch.decide(accepted) }
        }
        var answers = decided.makeIterator()
        return refusals.map { refusal in
            refusal.map { .failure($0) } ?? answers.next() ?? .failure(StoreError(.internal, "no answer"))
        }
    }

    /// What the engine shows.
    public func image() throws(StoreError) -> StoreImage {
        try engine.read { (view) throws(StoreError) in try StoreImage(view) }
    }

    private func run(
        at now: Timestamp, _ decide: (inout Batch) throws(StoreError) -> Void
    ) throws(StoreError) {
        var committed: Changes?
        try engine.commit { (view) throws(StoreError) in
            var batch = try Batch(view: view, now: now, limits: limits)
            try decide(&batch)
            committed = batch.changes
            return committed
        }
        events += committed?.events ?? []
    }
}
