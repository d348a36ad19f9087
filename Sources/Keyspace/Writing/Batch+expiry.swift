package import CairnModel

// What is due ends before any transaction of a batch, as far as it fits into one. What is left ends in batches of its
// own, between those of callers; a key that a transaction comes to meanwhile ends before the transaction. So no
// transaction ever meets a key or a lock whose deadline has passed, however much is due.
extension Batch {
    /// How many leases, how many of their keys, and how many locks end in one batch.
    package static let dueLeases = 1_000
    package static let dueKeys = 2_000
    /// Values that are needed for the events of locks, in one batch.
    static let dueBytes = 8 << 20

    /// Ends leases and locks whose deadline has passed, as many as fit into a batch. ``isBehind`` tells whether more
    /// are left.
    ///
    /// A lease ends in one transaction with all its keys, unless they are more than ``dueKeys``.
    package mutating func expireDue() throws(StoreError) {
        // Leases first: a key that ends takes its lock along.
        isBehind = try expireDueLeases()
        if !isBehind { isBehind = try expireDueLocks() }
    }

    /// Returns whether more are left.
    private mutating func expireDueLeases() throws(StoreError) -> Bool {
        let due = try view.leases(dueAt: now, limit: Batch.dueLeases)
        var rest = due
        var room = Batch.dueKeys
        // Those with few keys first, however many others have; then one with many.
        for _ in 0..<4 where room > 0 && !rest.isEmpty {
            let share = room / rest.count + 1
            let keys = try view.keys(on: Dictionary(uniqueKeysWithValues: rest.map { ($0.id, share) }))
            let fitting = rest.filter { keys[$0.id, default: []].count < share }
            if fitting.isEmpty { break }
            try end(fitting.map { ($0, keys[$0.id, default: []].sorted(), true) })
            room -= fitting.reduce(0) { $0 + keys[$1.id, default: []].count }
            rest = rest.filter { keys[$0.id, default: []].count >= share }
        }
        if let first = rest.first, room > 0 {
            let keys = try view.keys(on: first.id, limit: Batch.dueKeys + 1).sorted()
            let areAll = keys.count <= Batch.dueKeys
            try end([(first, areAll ? keys : Array(keys.prefix(room)), areAll)])
            if areAll { rest.removeFirst() }
        }
        return !rest.isEmpty || due.count == Batch.dueLeases
    }

    /// Ends leases, each in a transaction of its own.
    private mutating func end(_ leases: [(lease: Lease, keys: [Key], areAll: Bool)]) throws(StoreError) {
        let keys = leases.flatMap(\.keys).filter { !set.hasRecord($0) }
        // What ends leaves no value behind, so none is read; only the event of a lock tells it.
        let records = keys.isEmpty ? [:] : try view.recordsWithoutValues(of: keys)
        let locked = keys.filter { records[$0].map { $0.lockToken != .zero } ?? false }
        let whole = locked.isEmpty ? [:] : try view.records(locked)
        for key in keys { set.load(record: whole[key] ?? records[key], for: key) }
        for (lease, keys, areAll) in leases {
            set.load(lease: lease, for: lease.id)
            set.load(keys: keys, on: lease.id, limit: areAll ? .max : keys.count)
            let now = now
            _ = try attempt { (set) throws(WorkingSet.Stop) in
                try set.expireDue(lease.id, keys: keys, areAll: areAll, at: now)
            }.get()
        }
    }

    /// Returns whether more are left.
    private mutating func expireDueLocks() throws(StoreError) -> Bool {
        let due = try view.locks(dueAt: now, limit: Batch.dueLeases)
        var bytes = 0
        for start in stride(from: 0, to: due.count, by: 100) {
            if bytes > Batch.dueBytes { return true }
            let piece = due[start..<min(start + 100, due.count)]
            let keys = piece.map(\.key).filter { !set.hasRecord($0) }
            try view.forEachRecord(of: keys) { key, record in
                set.load(record: record, for: key)
                bytes += record?.value.bytes.count ?? 0
            }
            for lock in piece { try end(lock) }
        }
        return due.count == Batch.dueLeases
    }

    private mutating func end(_ lock: Lock) throws(StoreError) {
        set.load(lock: lock, for: lock.token)
        let now = now
        _ = try attempt { (set) throws(WorkingSet.Stop) in try set.expireDue(lock, at: now) }.get()
    }

    /// Ends those of these keys whose lease is due, and the locks of those whose lock is, before a transaction comes to
    /// them.
    mutating func endDue(_ keys: [Key]) throws(StoreError) {
        var ending: [LeaseID: [Key]] = [:]
        for key in keys {
            guard let record = set.knownLiveRecord(key) else { continue }
            if let lease = set.knownLease(record.leaseID), lease.isDue(at: now) {
                ending[lease.id, default: []].append(key)
            } else if let lock = set.knownLock(record.lockToken), lock.isDue(at: now) {
                try end(lock)
            }
        }
        let now = now
        for (id, keys) in ending.sorted(by: { $0.key < $1.key }) {
            _ = try attempt { (set) throws(WorkingSet.Stop) in
                try set.expireDue(id, keys: Set(keys).sorted(), areAll: false, at: now)
            }.get()
        }
    }
}
