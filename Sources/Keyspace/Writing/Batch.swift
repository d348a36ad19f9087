package import CairnModel

/// Decides a batch: due leases and locks first, then the transactions in the order they came.
///
/// Joins the pure rules with an engine's view: loads what the batch is sure to touch in one go, and what a rule finds
/// it needs besides when it asks.
package struct Batch {
    /// After so many operations and events it is looked at the clock: well below a millisecond.
    private static let workBetweenLooks = 256

    let view: any EngineView
    let limits: Limits
    /// When the batch takes place.
    package let now: Timestamp
    var set: WorkingSet
    /// Whether there are leases or locks whose deadline has passed.
    package var isBehind = false
    /// How often a rule was tried: once for each transaction, and once more for each need that was not foreseen.
    package private(set) var attempts = 0

    /// A batch on top of what `view` shows, at the time that the home tells, or else at `now`; but never before the
    /// time of the last batch.
    package init(view: any EngineView, now: Timestamp, limits: Limits) throws(StoreError) {
        let head = try view.head()
        self.view = view
        self.limits = limits
        self.now = max(try view.time() ?? now, head.time)
        set = WorkingSet(head: head)
        if limits.keys != nil, let count = try view.liveKeys() { set.liveKeys = count }
    }

    /// What was decided, or `nil` if nothing was changed.
    package var changes: Changes? {
        guard set.isChanged else { return nil }
        var changes = set.changes
        changes.head.time = now
        return changes
    }

    /// Lets the engine forget requests that are older than the limits say.
    package mutating func forgetOldRequests() {
        set.forgetRequests(before: now + (.zero - limits.requestWindow))
    }

    /// Whether a lease's deadline has passed: by what the home tells, if it tells its time, or else by `knownDeadline`.
    package func isDue(knownDeadline: Timestamp?) throws(StoreError) -> Bool {
        let next = try view.time() == nil ? knownDeadline : try view.nextDeadline()
        return next.map { $0 <= now } ?? false
    }

    /// Decides transactions, in order. A failed one leaves no trace and doesn't disturb the others.
    ///
    /// With `patience` it stops when so much time has passed, but not before the first one; there are fewer results
    /// then.
    package mutating func decide(
        _ transactions: [Transaction], patience: Duration? = nil
    ) throws(StoreError) -> [Result<TransactionResult, StoreError>] {
        let end = patience.map { ContinuousClock.now + $0 }
        try load(neededBy: transactions)
        var results: [Result<TransactionResult, StoreError>] = []
        results.reserveCapacity(transactions.count)
        let (now, limits) = (now, limits)
        // The clock is looked at after so much work, not after each small transaction.
        var work = 0
        for transaction in transactions {
            if work >= Batch.workBetweenLooks, let end {
                if ContinuousClock.now >= end { break }
                work = 0
            }
            let before = (events: set.eventCount, attempts: attempts)
            results.append(
                try attempt(for: transaction) { (set) throws(WorkingSet.Stop) in
                    try set.run(transaction, at: now, limits: limits)
                })
            work += transaction.operations.count + set.eventCount - before.events
            if attempts > before.attempts + 1 { work += Batch.workBetweenLooks }
        }
        return results
    }

    /// Runs a rule, loading what it needs, until it is decided.
    mutating func attempt<Value>(
        for transaction: Transaction? = nil, _ rule: (inout WorkingSet) throws(WorkingSet.Stop) -> Value
    ) throws(StoreError) -> Result<Value, StoreError> {
        while true {
            attempts += 1
            do throws(WorkingSet.Stop) {
                return .success(try rule(&set))
            } catch {
                switch error {
                case .failed(let error): return .failure(error)
                case .need(let need): try load(need, of: transaction)
                }
            }
        }
    }
}
