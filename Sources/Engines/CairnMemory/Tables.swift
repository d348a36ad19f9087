internal import CairnKeyspace
internal import CairnModel
internal import HashTreeCollections

/// All that a memory engine holds. Not to be touched without the engine's lock.
final class Tables {
    private var latest = Head.empty
    /// How many records are live.
    private var liveKeyCount = 0
    /// The last event of each key, by key; tombstones included.
    private var records = OrderedIndex<StoredEvent>()
    private var log = EventLog()
    /// By number.
    private var leases = OrderedIndex<Lease>()
    /// The live keys, by lease and key.
    private var keysOnLease = OrderedIndex<KeyOnLease>()
    private var deadlines = OrderedIndex<Deadline>()
    private var lockDeadlines = OrderedIndex<LockDeadline>()
    // Trees, because a copy of one shares all but what is changed afterwards: see `MemoryCut`.
    private var locks: TreeDictionary<Ref, Lock> = [:]
    private var consumers: TreeDictionary<String, Consumer> = [:]
    private var results: TreeDictionary<RequestID, RememberedResult> = [:]
    /// How many batches have changed something.
    private var revision = 0

    init() {}

    /// The same, sharing all that neither of them changes afterwards.
    func copy() -> Tables { Tables(copying: self) }

    private init(copying other: Tables) {
        latest = other.latest
        liveKeyCount = other.liveKeyCount
        records = other.records
        log = other.log
        leases = other.leases
        keysOnLease = other.keysOnLease
        deadlines = other.deadlines
        lockDeadlines = other.lockDeadlines
        locks = other.locks
        consumers = other.consumers
        results = other.results
        revision = other.revision
    }

    /// What a request with an id was answered, and when.
    struct RememberedResult: Sendable {
        var result: TransactionResult
        var time: Timestamp
    }

    /// A stored lease's deadline; ordered by time, then by number.
    struct Deadline: Comparable {
        var time: Timestamp
        var id: LeaseID

        static func < (a: Deadline, b: Deadline) -> Bool { (a.time, a.id) < (b.time, b.id) }
    }

    /// A lock's deadline; ordered by time, then by token.
    struct LockDeadline: Comparable {
        var time: Timestamp
        var token: Ref

        static func < (a: LockDeadline, b: LockDeadline) -> Bool { (a.time, a.token) < (b.time, b.token) }
    }

    /// A live key, by its last event, and the lease it is on; ordered by lease, then by key. The lease stands in the
    /// event, too; beside it, a search need not go there.
    struct KeyOnLease: Sendable {
        var lease: LeaseID
        var event: StoredEvent

        func comesBefore(_ lease: LeaseID, _ key: UnsafeRawBufferPointer) -> Bool {
            self.lease == lease ? event.orderOfKey(beside: key) < 0 : self.lease < lease
        }

        func isSame(_ lease: LeaseID, _ key: UnsafeRawBufferPointer) -> Bool {
            self.lease == lease && event.orderOfKey(beside: key) == 0
        }
    }

    /// How much there is. All of it is at hand.
    var size: HomeSize { HomeSize(keys: liveKeyCount, leases: leases.count, locks: locks.count) }

    // Keys are compared by pointers to their bytes, taken once for a whole search and alive as long as its closure.

    /// The key's last event, whose record is the key's.
    func lastEvent(of key: Key) -> StoredEvent? {
        key.bytes.withUnsafeBytes { key in
            guard let event = records.first(notBefore: { $0.orderOfKey(beside: key) < 0 }),
                event.orderOfKey(beside: key) == 0
            else { return nil }
            return event
        }
    }

    func record(_ key: Key) -> Record? { lastEvent(of: key)?.record(key: key) }

    private func lease(_ id: LeaseID) -> Lease? {
        guard let lease = leases.first(notBefore: { $0.id < id }), lease.id == id else { return nil }
        return lease
    }

    /// Stores what a batch decided.
    func store(_ changes: Changes) {
        for event in changes.events {
            let stored = StoredEvent(event)
            store(stored, of: event.key)
            log.append(stored)
        }
        for (id, lease) in changes.leases { store(lease, for: id) }
        for (token, lock) in changes.locks { store(lock, for: token) }
        for (name, consumer) in changes.consumers { consumers[name] = consumer }
        for (id, result) in changes.results { results[id] = RememberedResult(result: result, time: changes.head.time) }
        if let time = changes.forgetRequestsBefore { results = results.filter { $0.value.time >= time } }
        latest = changes.head
        revision += 1
    }

    /// Frees a piece of what was compacted.
    func trim() -> Bool { log.trim(before: latest.oldestRef, pieces: 16) }

    private func store(_ lease: Lease?, for id: LeaseID) {
        if let deadline = self.lease(id)?.deadline.map({ Deadline(time: $0, id: id) }) {
            deadlines.remove(comesBefore: { $0 < deadline }, isSame: { $0 == deadline })
        }
        if let lease {
            leases.put(lease, comesBefore: { $0.id < id }, isSame: { $0.id == id })
        } else {
            leases.remove(comesBefore: { $0.id < id }, isSame: { $0.id == id })
        }
        if let deadline = lease?.deadline.map({ Deadline(time: $0, id: id) }) {
            deadlines.put(deadline, comesBefore: { $0 < deadline }, isSame: { $0 == deadline })
        }
    }

    private func store(_ lock: Lock?, for token: Ref) {
        if let old = locks[token].map({ LockDeadline(time: $0.deadline, token: token) }) {
            lockDeadlines.remove(comesBefore: { $0 < old }, isSame: { $0 == old })
        }
        locks[token] = lock
        if let new = lock.map({ LockDeadline(time: $0.deadline, token: token) }) {
            lockDeadlines.put(new, comesBefore: { $0 < new }, isSame: { $0 == new })
        }
    }

    /// Makes an event the last one of its key.
    private func store(_ event: StoredEvent, of key: Key) {
        key.bytes.withUnsafeBytes { key in
            let old = records.put(
                event, comesBefore: { $0.orderOfKey(beside: key) < 0 }, isSame: { $0.orderOfKey(beside: key) == 0 })
            let before = old?.leaseOfLiveKey
            let after = event.leaseOfLiveKey
            if let before, before != after {
                keysOnLease.remove(comesBefore: { $0.comesBefore(before, key) }, isSame: { $0.isSame(before, key) })
            }
            // Also where the lease is the same, or the event before would be kept.
            if let after {
                keysOnLease.put(
                    KeyOnLease(lease: after, event: event),
                    comesBefore: { $0.comesBefore(after, key) }, isSame: { $0.isSame(after, key) })
            }
            liveKeyCount += (after == nil ? 0 : 1) - (before == nil ? 0 : 1)
        }
    }
}

extension Tables: EngineView {
    func head() throws(StoreError) -> Head { latest }

    func liveKeys() throws(StoreError) -> Int? { liveKeyCount }

    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        var found: [Key: Record] = [:]
        for key in keys { found[key] = record(key) }
        return found
    }

    func forEachRecord(of keys: [Key], _ body: (Key, Record?) -> Void) throws(StoreError) {
        for key in keys { body(key, record(key)) }
    }

    func records(in range: KeyRange, limit: Int, bytes: Int, keysOnly: Bool) throws(StoreError) -> [Record] {
        var found: [Record] = []
        var size = 0
        guard limit > 0 else { return [] }
        forEachLastEvent(in: range) { event in
            guard event.isLive else { return true }
            let record = event.record(withValue: !keysOnly)
            found.append(record)
            size += record.key.bytes.count + record.value.bytes.count
            return found.count < limit && size < bytes
        }
        return found
    }

    func recordsEver(in range: KeyRange, limit: Int) throws(StoreError) -> [Record] {
        var found: [Record] = []
        guard limit > 0 else { return [] }
        forEachLastEvent(in: range) { event in
            found.append(event.record(withValue: false))
            return found.count < limit
        }
        return found
    }

    private func forEachLastEvent(in range: KeyRange, _ body: (StoredEvent) -> Bool) {
        range.lower.bytes.withUnsafeBytes { lower in
            records.forEach(notBefore: { $0.orderOfKey(beside: lower) < 0 }) { event in
                if let upper = range.upper, upper.bytes.withUnsafeBytes({ event.orderOfKey(beside: $0) >= 0 }) {
                    return false
                }
                return body(event)
            }
        }
    }

    func keys(in ranges: [KeyRange], limit: Int) throws(StoreError) -> [Key] {
        var keys: [Key] = []
        for range in ranges where keys.count < limit {
            forEachLastEvent(in: range) { event in
                if event.isLive { keys.append(event.key) }
                return keys.count < limit
            }
        }
        return keys
    }

    func keys(on leases: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]] {
        var found: [LeaseID: [Key]] = [:]
        for (lease, limit) in leases where limit > 0 {
            var keys: [Key] = []
            keysOnLease.forEach(notBefore: { $0.lease < lease }) { place in
                guard place.lease == lease else { return false }
                keys.append(place.event.key)
                return keys.count < limit
            }
            found[lease] = keys
        }
        return found
    }

    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease] {
        var found: [LeaseID: Lease] = [:]
        for id in ids { found[id] = lease(id) }
        return found
    }

    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease] {
        var found: [Lease] = []
        guard limit > 0 else { return [] }
        leases.forEach(notBefore: { $0.id < first }) { lease in
            found.append(lease)
            return found.count < limit
        }
        return found
    }

    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease] {
        var due: [Lease] = []
        guard limit > 0 else { return [] }
        deadlines.forEach(notBefore: { _ in false }) { deadline in
            guard deadline.time <= time, let lease = lease(deadline.id) else { return false }
            due.append(lease)
            return due.count < limit
        }
        return due
    }

    func locks(_ tokens: [Ref]) throws(StoreError) -> [Ref: Lock] {
        var found: [Ref: Lock] = [:]
        for token in tokens { found[token] = locks[token] }
        return found
    }

    func locks(from first: Ref, limit: Int) throws(StoreError) -> [Lock] {
        Array(locks.values.filter { $0.token >= first }.sorted { $0.token < $1.token }.prefix(max(limit, 0)))
    }

    func locks(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lock] {
        var due: [Lock] = []
        guard limit > 0 else { return [] }
        lockDeadlines.forEach(notBefore: { _ in false }) { deadline in
            guard deadline.time <= time, let lock = locks[deadline.token] else { return false }
            due.append(lock)
            return due.count < limit
        }
        return due
    }

    func nextDeadline() throws(StoreError) -> Timestamp? {
        let next = [
            deadlines.first(notBefore: { _ in false })?.time, lockDeadlines.first(notBefore: { _ in false })?.time,
        ]
        return next.compactMap(\.self).min()
    }

    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event] {
        log.events(from: max(first, latest.oldestRef), limit: limit, bytes: bytes)
    }

    func consumer(_ name: String) throws(StoreError) -> Consumer? { consumers[name] }

    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer] {
        Array(
            consumers.values.filter { name.utf8.lexicographicallyPrecedes($0.name.utf8) }
                .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }.prefix(limit))
    }

    func result(of request: RequestID) throws(StoreError) -> TransactionResult? { results[request]?.result }
}

// A copy of all, and the way back.
extension Tables {
    func cut() -> MemoryCut {
        MemoryCut(
            head: latest, revision: revision, records: records, leases: leases, locks: locks,
            consumers: consumers, results: results,
            log: log)
    }

    func restore(_ record: Record) { store(StoredEvent(record), of: record.key) }

    func restore(_ lease: Lease) { store(lease, for: lease.id) }

    func restore(_ lock: Lock) { store(lock, for: lock.token) }

    func restore(_ consumer: Consumer) { consumers[consumer.name] = consumer }

    func restore(_ result: TransactionResult, of request: RequestID, at time: Timestamp) {
        results[request] = RememberedResult(result: result, time: time)
    }

    /// Takes the event that follows the last one, after the record of its key. Returns whether it can have been there.
    func restore(_ event: Event) -> Bool {
        guard let last = lastEvent(of: event.key), last.ref >= event.ref else { return false }
        let stored = StoredEvent(event)
        log.append(stored)
        guard last.ref == event.ref else { return true }
        // The record is the event's from now on, so that both are one.
        store(stored, of: event.key)
        return last.record() == stored.record()
    }

    func restore(_ head: Head) { latest = head }
}
