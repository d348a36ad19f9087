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
        case keysOnLease(LeaseID)
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
    // As of the start of the batch; `moved` and `touched` say what has changed since.
    private var keysOnLease: [LeaseID: [Key]] = [:]
    private var keysInRange: [KeyRange: KeysInRange] = [:]
    private var moved = LeaseMoves()
    private var touched: [Key] = []

    /// How many keys are live; only of a meaning if it was loaded.
    package var liveKeys = 0
    /// What was decided so far.
    package private(set) var changes: Changes
    private let headAtStart: Head
    private var undo: [Undo] = []

    private struct KeysInRange {
        var keys: [Key]
        /// Whether there are no others.
        var areAll: Bool
    }

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

    /// Whether the keys on a lease are known.
    package func hasKeys(on lease: LeaseID) -> Bool { keysOnLease[lease] != nil }

    /// The leases of the live ones of these keys that are not known yet, each once.
    package func unknownLeases(of keys: [Key]) -> [LeaseID] {
        var ids: Set<LeaseID> = []
        for key in keys {
            guard let record = records[key] ?? nil, record.isLive, leases[record.leaseID] == nil else { continue }
            ids.insert(record.leaseID)
        }
        return Array(ids)
    }

    /// Whether any record is known.
    package var hasRecords: Bool { !records.isEmpty }

    /// Makes room for so many records, and for as many events.
    package mutating func expectRecords(_ count: Int) {
        records.reserveCapacity(records.count + count)
        touched.reserveCapacity(count)
        changes.events.reserveCapacity(count)
    }

    package mutating func load(record: Record?, for key: Key) { records[key] = .some(record) }
    package mutating func load(lease: Lease?, for id: LeaseID) { leases[id] = .some(lease) }
    package mutating func load(lock: Lock?, for token: Ref) { locks[token] = .some(lock) }
    package mutating func load(consumer: Consumer?, for name: String) { consumers[name] = .some(consumer) }
    package mutating func load(result: TransactionResult?, for id: RequestID) { results[id] = .some(result) }

    /// Notes the keys that were on the lease when the batch started.
    package mutating func load(keys: [Key], on lease: LeaseID) { keysOnLease[lease] = keys }

    /// Notes the keys that were live in the range when the batch started, or the first of them.
    package mutating func load(keys: [Key], in range: KeyRange, areAll: Bool) {
        keysInRange[range] = KeysInRange(keys: keys, areAll: areAll)
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
        guard let lease = leases[id] else { throw .need(.lease(id)) }
        return lease
    }

    /// A stored lock, by its token.
    package func storedLock(_ token: Ref) throws(Stop) -> Lock? {
        guard let lock = locks[token] else { throw .need(.lock(token)) }
        return lock
    }

    /// The live keys on a lease, in order.
    package func keys(on lease: LeaseID) throws(Stop) -> [Key] {
        guard let atStart = keysOnLease[lease] else { throw .need(.keysOnLease(lease)) }
        return moved.keys(on: lease, atStart: atStart).sorted()
    }

    /// The live keys of a range, in order; if they are more than `limit`, at least one more than that.
    package func keys(in range: KeyRange, limit: Int) throws(Stop) -> [Key] {
        // So many that the limit is exceeded even if the batch has ended one with each change so far.
        let enough = limit + 1 + touched.count
        guard let atStart = keysInRange[range], atStart.areAll || atStart.keys.count >= enough else {
            throw .need(.keysInRange(range, limit: enough))
        }
        var keys = Set(atStart.keys)
        for key in touched where range.contains(key) {
            if let record = records[key] ?? nil, record.isLive { keys.insert(key) } else { keys.remove(key) }
        }
        return keys.sorted()
    }

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
        let touchedCount = touched.count
        undo.removeAll(keepingCapacity: true)
        do {
            return try body(&self)
        } catch {
            for step in undo.reversed() { revert(step) }
            undo.removeAll(keepingCapacity: true)
            changes.head = head
            changes.events.removeLast(changes.events.count - events)
            touched.removeLast(touched.count - touchedCount)
            throw error
        }
    }

    /// Appends an event, and makes the state after it the record of its key.
    package mutating func append(_ event: Event) {
        let old = records[event.key] ?? nil
        let new = Record(after: event)
        undo.append(.record(event.key, old))
        records[event.key] = .some(new)
        countLive(from: old, to: new)
        moved.note(event.key, from: old, to: new)
        touched.append(event.key)
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

    private mutating func countLive(from old: Record?, to new: Record?) {
        liveKeys += (new?.isLive == true ? 1 : 0) - (old?.isLive == true ? 1 : 0)
    }

    private mutating func revert(_ step: Undo) {
        switch step {
        case .record(let key, let old):
            let new = records[key] ?? nil
            moved.note(key, from: new, to: old)
            countLive(from: new, to: old)
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

/// Which keys have come to a lease and gone from it since the batch started.
private struct LeaseMoves: Sendable {
    private var joined: [LeaseID: Set<Key>] = [:]
    private var left: [LeaseID: Set<Key>] = [:]

    mutating func note(_ key: Key, from old: Record?, to new: Record?) {
        let before = old.flatMap { $0.isLive ? $0.leaseID : nil }
        let after = new.flatMap { $0.isLive ? $0.leaseID : nil }
        guard before != after else { return }
        if let before, joined[before]?.remove(key) == nil { left[before, default: []].insert(key) }
        if let after, left[after]?.remove(key) == nil { joined[after, default: []].insert(key) }
    }

    func keys(on lease: LeaseID, atStart: [Key]) -> Set<Key> {
        var keys = Set(atStart)
        if let left = left[lease] { keys.subtract(left) }
        if let joined = joined[lease] { keys.formUnion(joined) }
        return keys
    }
}
