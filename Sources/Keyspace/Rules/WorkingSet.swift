package import CairnModel

/// What a batch has loaded and what it has changed so far: the values that the rules decide on.
///
/// The rules ask it for records, leases and the rest as if all were there. What was not loaded yet ends the attempt
/// with a ``Need``; who runs the batch loads it and tries that transaction again. So the rules stay free of I/O, and
/// an engine can fetch what it knows it will need in one go.
package struct WorkingSet: Sendable {
    /// Something that must be loaded before the rules can go on.
    package enum Need: Hashable, Sendable {
        case record(Key)
        case lease(LeaseID)
        /// The live keys on the lease, or any `limit` of them.
        case keysOnLease(LeaseID, limit: Int)
        /// The live keys of the range, or the first `limit` of them.
        case keysInRange(KeyRange, limit: Int)
        case lock(Ref)
        case consumer(String)
        case result(RequestID)
    }

    /// Why a transaction was not decided.
    package enum Stop: Error {
        /// Load this and try again.
        case need(Need)
        /// The transaction fails.
        case failed(StoreError)
    }

    // What was loaded, overlaid with what was changed. A key that is present with `nil` is known to be absent.
    private var records: [Key: Record?] = [:]
    private var leases: [LeaseID: Lease?] = [:]
    private var locks: [Ref: Lock?] = [:]
    private var consumers: [String: Consumer?] = [:]
    private var results: [RequestID: TransactionResult?] = [:]
    private var leaseKeys = LeaseKeys()
    private var rangeKeys = RangeKeys()

    /// How many keys are live; only of a meaning if it was loaded.
    package var liveKeys = 0
    /// What was decided so far.
    package private(set) var changes: Changes
    private let headAtStart: Head
    private var undo: [Undo] = []

    /// One step back.
    private enum Undo {
        case record(Key, Record?)
        case lease(LeaseID, Lease?, change: Lease??)
        /// A lock may end without having been looked up, and then isn't known again.
        case lock(Ref, Lock??, change: Lock??)
        case consumer(String, Consumer?, change: Consumer??)
        case result(RequestID)
    }

    /// An empty set on top of `head`.
    package init(head: Head) {
        changes = Changes(head: head)
        headAtStart = head
    }

    /// Where the log stands after what was decided so far.
    package var head: Head {
        get { changes.head }
        set { changes.head = newValue }
    }

    /// Whether there is anything to store.
    package var isChanged: Bool {
        !changes.events.isEmpty || !changes.leases.isEmpty || !changes.locks.isEmpty || !changes.consumers.isEmpty
            || !changes.results.isEmpty || changes.forgetRequestsBefore != nil || changes.head != headAtStart
    }

    /// How many events were decided so far.
    package var eventCount: Int { changes.events.count }
}

// Loading.
extension WorkingSet {
    /// Whether the record of `key` is known.
    package func hasRecord(_ key: Key) -> Bool { records[key] != nil }

    /// Whether anything is known of the keys on a lease.
    package func hasKeys(on lease: LeaseID) -> Bool { isNew(lease) || leaseKeys.knows(lease) }

    /// The keys on a lease, in any order, if all are known.
    package func knownKeys(on lease: LeaseID) -> [Key]? {
        guard leaseKeys.count(on: lease, upTo: .max, isNew: isNew(lease)) != nil else { return nil }
        return Array(leaseKeys.keys(on: lease))
    }

    /// Whether it is known if a lease is stored.
    package func hasLease(_ id: LeaseID) -> Bool { isNew(id) || leases[id] != nil }

    /// Whether it is known if a lock is stored.
    package func hasLock(_ token: Ref) -> Bool { locks[token] != nil }

    /// Whether it is known if there is such a consumer.
    package func hasConsumer(_ name: String) -> Bool { consumers[name] != nil }

    /// Whether the keys of a range are known.
    package func hasKeys(in range: KeyRange) -> Bool { rangeKeys.firstUnknown(in: range) == nil }

    /// Where the live record of a key that is known stands; `nil` if it isn't known, or the key doesn't live.
    package func knownLiveRecord(_ key: Key) -> Record? {
        guard let record = records[key] ?? nil, record.isLive else { return nil }
        return record
    }

    /// A stored lease, as far as it is known.
    package func knownLease(_ id: LeaseID) -> Lease? { leases[id] ?? nil }

    /// A stored lock, as far as it is known.
    package func knownLock(_ token: Ref) -> Lock? { locks[token] ?? nil }

    /// Whether the batch has made the lease itself, so that nothing of it is stored.
    private func isNew(_ id: LeaseID) -> Bool {
        let number = id.isLifespan ? id.rawValue - LeaseID.firstLifespan.rawValue : id.rawValue
        return id < .firstChosen && number > headAtStart.lastLeaseID.rawValue
    }

    /// Whether any record is known.
    package var hasRecords: Bool { !records.isEmpty }

    /// Makes room for so many records, and for as many events.
    package mutating func expectRecords(_ count: Int) {
        records.reserveCapacity(records.count + count)
        changes.events.reserveCapacity(count)
    }

    package mutating func load(record: Record?, for key: Key) { records[key] = .some(record) }
    package mutating func load(lease: Lease?, for id: LeaseID) { leases[id] = .some(lease) }
    package mutating func load(lock: Lock?, for token: Ref) { locks[token] = .some(lock) }
    package mutating func load(consumer: Consumer?, for name: String) { consumers[name] = .some(consumer) }
    package mutating func load(result: TransactionResult?, for id: RequestID) { results[id] = .some(result) }

    /// Notes the keys that were on the lease when the batch started; of more than `limit` any so many.
    package mutating func load(keys: [Key], on lease: LeaseID, limit: Int = .max) {
        leaseKeys.load(keys, on: lease, limit: limit)
    }

    /// Notes the keys that were live in the range when the batch started, or the first of them.
    package mutating func load(keys: [Key], in range: KeyRange, areAll: Bool) {
        load(keys: keys, in: [range], areAll: areAll)
    }

    /// Notes the keys that were live in the ranges, which are in order, when the batch started, or the first of them.
    package mutating func load(keys: [Key], in ranges: [KeyRange], areAll: Bool) {
        var ranges = ranges.disjoint
        if !areAll {
            guard let end = keys.last?.successor else { return }
            ranges = ranges.compactMap { range in
                guard range.lower < end else { return nil }
                return KeyRange(from: range.lower, to: range.upper.map { min($0, end) } ?? end)
            }
        }
        guard !changes.events.isEmpty else { return rangeKeys.load(keys, in: ranges) }
        // The batch has ended some of them since, and made others.
        var live = Set(keys.filter { records[$0].map { $0?.isLive ?? false } ?? true })
        for event in changes.events where knownLiveRecord(event.key) != nil { live.insert(event.key) }
        rangeKeys.load(live.sorted(), in: ranges)
    }
}

// Asking.
extension WorkingSet {
    /// The record of a key, tombstones included.
    package func record(_ key: Key) throws(Stop) -> Record? {
        guard let record = records[key] else { throw .need(.record(key)) }
        return record
    }

    /// The live record of a key.
    package func liveRecord(_ key: Key) throws(Stop) -> Record? {
        guard let record = try record(key), record.isLive else { return nil }
        return record
    }

    /// A stored lease.
    package func storedLease(_ id: LeaseID) throws(Stop) -> Lease? {
        if let lease = leases[id] { return lease }
        if isNew(id) { return nil }
        throw .need(.lease(id))
    }

    /// A stored lock, by its token.
    package func storedLock(_ token: Ref) throws(Stop) -> Lock? {
        guard let lock = locks[token] else { throw .need(.lock(token)) }
        return lock
    }

    /// How many live keys are on a lease; no more than `limit` are counted.
    package func keyCount(on lease: LeaseID, upTo limit: Int) throws(Stop) -> Int {
        if let count = leaseKeys.count(on: lease, upTo: limit, isNew: isNew(lease)) { return count }
        throw .need(.keysOnLease(lease, limit: leaseKeys.limit(toKnow: limit, on: lease)))
    }

    /// The live keys on a lease, in order; if they are more than `limit`, at least one more than that.
    package func keys(on lease: LeaseID, limit: Int) throws(Stop) -> [Key] {
        _ = try keyCount(on: lease, upTo: limit + 1)
        return leaseKeys.keys(on: lease).sorted()
    }

    /// How many live keys a range has; if they are more than `limit`, at least one more than that.
    package func keyCount(in range: KeyRange, limit: Int) throws(Stop) -> Int {
        let unknown = rangeKeys.firstUnknown(in: range)
        let known = unknown.map { KeyRange(from: range.lower, to: $0) } ?? range
        let count = rangeKeys.count(in: known, upTo: limit)
        guard let unknown, count <= limit else { return count }
        throw .need(.keysInRange(KeyRange(from: unknown, to: range.upper), limit: limit + 1 - count))
    }

    /// The live keys of a range, in order, once they have been counted and were not too many.
    package func keys(in range: KeyRange) -> [Key] { rangeKeys.keys(in: range) }

    package func consumer(_ name: String) throws(Stop) -> Consumer? {
        guard let consumer = consumers[name] else { throw .need(.consumer(name)) }
        return consumer
    }

    package func result(of request: RequestID) throws(Stop) -> TransactionResult? {
        guard let result = results[request] else { throw .need(.result(request)) }
        return result
    }
}

// Changing, with a way back.
extension WorkingSet {
    /// Runs `body`; when it throws, nothing of it remains.
    package mutating func atomically<Result>(
        _ body: (inout WorkingSet) throws(Stop) -> Result
    ) throws(Stop) -> Result {
        let head = changes.head
        let events = changes.events.count
        undo.removeAll(keepingCapacity: true)
        do {
            return try body(&self)
        } catch {
            for step in undo.reversed() { revert(step) }
            undo.removeAll(keepingCapacity: true)
            changes.head = head
            changes.events.removeLast(changes.events.count - events)
            throw error
        }
    }

    /// Appends an event, and makes the state after it the record of its key.
    package mutating func append(_ event: Event) {
        let old = records[event.key] ?? nil
        let new = Record(after: event)
        undo.append(.record(event.key, old))
        records[event.key] = .some(new)
        note(event.key, from: old, to: new)
        changes.events.append(event)
        changes.head.lastRef = event.ref
    }

    /// Stores a lease, or drops it.
    package mutating func store(lease: Lease?, for id: LeaseID) {
        undo.append(.lease(id, leases[id] ?? nil, change: changes.leases[id]))
        leases[id] = .some(lease)
        changes.leases[id] = .some(lease)
    }

    /// Stores a lock, or drops it.
    package mutating func store(lock: Lock?, for token: Ref) {
        undo.append(.lock(token, locks[token], change: changes.locks[token]))
        locks[token] = .some(lock)
        changes.locks[token] = .some(lock)
    }

    /// Stores a consumer, or forgets it.
    package mutating func store(consumer: Consumer?, for name: String) {
        undo.append(.consumer(name, consumers[name] ?? nil, change: changes.consumers[name]))
        consumers[name] = .some(consumer)
        changes.consumers[name] = .some(consumer)
    }

    /// Remembers the result of a request.
    package mutating func store(result: TransactionResult, for request: RequestID) {
        undo.append(.result(request))
        results[request] = .some(result)
        changes.results[request] = result
    }

    /// Lets engines forget old requests.
    package mutating func forgetRequests(before time: Timestamp) { changes.forgetRequestsBefore = time }

    /// Tells the events from `first` on which transaction they are of.
    package mutating func closeTransaction(from first: Int) {
        let count = changes.events.count - first
        guard count > 1 else { return }
        for index in 0..<count {
            changes.events[first + index].transactionIndex = Int32(index)
            changes.events[first + index].transactionCount = Int32(count)
        }
    }

    private mutating func note(_ key: Key, from old: Record?, to new: Record?) {
        liveKeys += (new?.isLive == true ? 1 : 0) - (old?.isLive == true ? 1 : 0)
        leaseKeys.note(key, from: old, to: new)
        if !rangeKeys.isEmpty { rangeKeys.note(key, isLive: new?.isLive == true) }
    }

    private mutating func revert(_ step: Undo) {
        switch step {
        case .record(let key, let old):
            let new = records[key] ?? nil
            note(key, from: new, to: old)
            records[key] = .some(old)
        case .lease(let id, let old, let change):
            leases[id] = .some(old)
            changes.leases[id] = change
        case .lock(let token, let old, let change):
            locks[token] = old
            changes.locks[token] = change
        case .consumer(let name, let old, let change):
            consumers[name] = .some(old)
            changes.consumers[name] = change
        case .result(let request):
            results[request] = .some(nil)
            changes.results[request] = nil
        }
    }
}
