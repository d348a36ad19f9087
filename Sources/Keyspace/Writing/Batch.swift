package import CairnModel

/// Decides a batch: due leases first, then the transactions in the order they came.
///
/// Joins the pure rules with an engine's view: loads what the batch is sure to touch in one go, and what a rule finds
/// it needs besides when it asks.
package struct Batch {
    /// How many leases expire in one batch; if more are due they fill batches of their own before any transaction runs,
    /// so that no transaction ever meets a lease whose deadline has passed.
    package static let dueLeases = 1_000

    private let view: any EngineView
    private let limits: Limits
    private let now: Timestamp
    private var set: WorkingSet

    /// A batch on top of what `view` shows, at `now` or, if that is later, at the time of the last batch.
    package init(view: any EngineView, now: Timestamp, limits: Limits) throws(StoreError) {
        let head = try view.head()
        self.view = view
        self.limits = limits
        self.now = max(now, head.time)
        set = WorkingSet(head: head)
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

    /// Expires leases whose deadline has passed. Returns whether there are more.
    package mutating func expireDueLeases() throws(StoreError) -> Bool {
        let due = try view.leases(dueAt: now, limit: Batch.dueLeases)
        for lease in due {
            set.load(lease: lease, for: lease.id)
            let id = lease.id
            let now = now
            _ = try attempt { (set) throws(WorkingSet.Stop) in try set.expireDue(id, at: now) }.get()
        }
        return due.count == Batch.dueLeases
    }

    /// Decides transactions, in order. A failed one leaves no trace and doesn't disturb the others.
    package mutating func decide(
        _ transactions: [Transaction]
    ) throws(StoreError) -> [Result<TransactionResult, StoreError>] {
        try loadRecords(touchedBy: transactions)
        var results: [Result<TransactionResult, StoreError>] = []
        results.reserveCapacity(transactions.count)
        let (now, limits) = (now, limits)
        for transaction in transactions {
            results.append(
                try attempt { (set) throws(WorkingSet.Stop) in
                    try set.run(transaction, at: now, limits: limits)
                })
        }
        return results
    }

    /// Runs a rule, loading what it needs, until it is decided.
    private mutating func attempt<Value>(
        _ rule: (inout WorkingSet) throws(WorkingSet.Stop) -> Value
    ) throws(StoreError) -> Result<Value, StoreError> {
        while true {
            do throws(WorkingSet.Stop) {
                return .success(try rule(&set))
            } catch {
                switch error {
                case .failed(let error): return .failure(error)
                case .need(let need): try load(need)
                }
            }
        }
    }

    private mutating func loadRecords(touchedBy transactions: [Transaction]) throws(StoreError) {
        var keys: [Key] = []
        keys.reserveCapacity(transactions.count)
        for transaction in transactions {
            for condition in transaction.conditions { keys.append(condition.key) }
            for operation in transaction.operations { if let key = operation.key { keys.append(key) } }
            for operation in transaction.otherwise { if let key = operation.key { keys.append(key) } }
        }
        if set.hasRecords { keys.removeAll { set.hasRecord($0) } }
        set.expectRecords(keys.count)
        try view.forEachRecord(of: keys) { set.load(record: $1, for: $0) }
    }

    private mutating func load(_ need: WorkingSet.Need) throws(StoreError) {
        switch need {
        case .record(let key):
            set.load(record: try view.records([key])[key], for: key)
        case .lease(let id):
            set.load(lease: try view.leases([id])[id], for: id)
        case .keysOnLease(let id):
            let keys = try view.keys(on: id)
            set.load(keys: keys, on: id)
            try loadMissing(keys)
        case .keysInRange(let range, let limit):
            let keys = try view.records(in: range, limit: limit, bytes: .max, keysOnly: true).map(\.key)
            let areAll = keys.count < limit
            set.load(keys: keys, in: range, areAll: areAll)
            // If there are more, the transaction is refused and their records are not needed.
            if areAll { try loadMissing(keys) }
        case .consumer(let name):
            set.load(consumer: try view.consumer(name), for: name)
        case .result(let request):
            set.load(result: try view.result(of: request), for: request)
        }
    }

    private mutating func loadMissing(_ keys: [Key]) throws(StoreError) {
        let missing = keys.filter { !set.hasRecord($0) }
        let records = try view.records(missing)
        for key in missing { set.load(record: records[key], for: key) }
    }
}

extension Operation {
    /// The one key that the operation is about, if it is about one.
    fileprivate var key: Key? {
        switch self {
        case .set(let key, _, _, _), .delete(let key), .get(let key): key
        default: nil
        }
    }
}
