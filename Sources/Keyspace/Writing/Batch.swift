package import CairnModel

/// Decides a batch: due leases and locks first, then the transactions in the order they came.
///
/// Joins the pure rules with an engine's view: loads what the batch is sure to touch in one go, and what a rule finds
/// it needs besides when it asks.
package struct Batch {
    /// How many leases, and how many locks, end in one batch; if more are due they fill batches of their own before any
    /// transaction runs, so that no transaction ever meets one whose deadline has passed.
    package static let dueLeases = 1_000

    private let view: any EngineView
    private let limits: Limits
    /// When the batch takes place.
    package let now: Timestamp
    private var set: WorkingSet
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

    /// Ends leases and locks whose deadline has passed. Returns whether there are more.
    package mutating func expireDue() throws(StoreError) -> Bool {
        // Leases first: a key that ends takes its lock along.
        if try expireDueLeases() { return true }
        let due = try view.locks(dueAt: now, limit: Batch.dueLeases)
        for lock in due {
            set.load(lock: lock, for: lock.token)
            let now = now
            _ = try attempt { (set) throws(WorkingSet.Stop) in try set.expireDue(lock, at: now) }.get()
        }
        return due.count == Batch.dueLeases
    }

    private mutating func expireDueLeases() throws(StoreError) -> Bool {
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
            attempts += 1
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
        var touched = TouchedKeys(reserving: transactions.count)
        for transaction in transactions {
            for condition in transaction.conditions { touched.all.append(condition.key) }
            for operation in transaction.operations { touched.note(operation) }
            for operation in transaction.otherwise { touched.note(operation) }
        }
        if set.hasRecords { touched.all.removeAll { set.hasRecord($0) } }
        set.expectRecords(touched.all.count)
        try view.forEachRecord(of: touched.all) { set.load(record: $1, for: $0) }
        try loadLeases(of: touched.ending)
        try loadLeases(of: touched.redated, withKeys: true)
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
            try loadLeases(of: keys)
        case .keysInRange(let range, let limit):
            let keys = try view.records(in: range, limit: limit, bytes: .max, keysOnly: true).map(\.key)
            let areAll = keys.count < limit
            set.load(keys: keys, in: range, areAll: areAll)
            // If there are more, the transaction is refused and their records are not needed.
            if areAll {
                try loadMissing(keys)
                try loadLeases(of: keys)
            }
        case .lock(let token):
            set.load(lock: try view.locks([token])[token], for: token)
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

    /// Loads the leases of live keys that are about to end or to move. Were each left to be needed, a transaction
    /// that ends many keys would be tried anew as many times.
    private mutating func loadLeases(of keys: [Key], withKeys: Bool = false) throws(StoreError) {
        guard !keys.isEmpty else { return }
        let unknown = set.unknownLeases(of: keys)
        guard !unknown.isEmpty else { return }
        let stored = try view.leases(unknown)
        for id in unknown {
            set.load(lease: stored[id], for: id)
            // Whether it ends with the key depends on who else is on it.
            let mayBeShared = stored[id].map { !$0.isGranted } ?? withKeys
            if mayBeShared, !set.hasKeys(on: id) {
                set.load(keys: try view.keys(on: id), on: id)
            }
        }
    }
}

/// The keys that transactions name.
private struct TouchedKeys {
    var all: [Key] = []
    /// Those whose lease matters, too, and those of them for which it matters who else is on it.
    var ending: [Key] = []
    var redated: [Key] = []

    init(reserving count: Int) { all.reserveCapacity(count) }

    mutating func note(_ operation: Operation) {
        switch operation {
        case .get(let key), .touch(let key), .set(let key, _, nil, .keep, _): all.append(key)
        case .set(let key, _, _, _, _):
            all.append(key)
            redated.append(key)
        case .delete(let key):
            all.append(key)
            ending.append(key)
        case .prune(let candidates):
            all += candidates.map(\.key)
            ending += candidates.map(\.key)
        case .lock(let key, _, _, _), .unlock(let key):
            all.append(key)
        default: break
        }
    }
}
