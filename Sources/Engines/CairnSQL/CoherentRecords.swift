internal import CairnKeyspace
internal import CairnModel
internal import Synchronization

/// Records in memory that are vouched for by how far the log has come.
///
/// Every change of a record is an event, and the head tells the last event. So a record that was current at some event
/// is current now if there has been no event since, by whomever; and if there were some, they tell what has changed. A
/// batch, which holds the head's lock, and a read, which asks for the head after it began, bring the cache to that
/// head (``catchUp(to:events:)``) and then need not ask the database for the records that are here: for any number of
/// keys, one small question.
///
/// What keeps that true:
///
/// - The *place* is the last event whose effect is here. It moves under its lock, after the records; who looks up after
///   it has moved finds records of that event or of a later one that is committed, too.
/// - A record that was *read from the database* is put in only if the place hasn't moved since before it was read.
///   That is checked under the lock of the record's shard, so it can't overwrite what a move puts there.
/// - After a new connection nothing is known (``forget()``): it may lead to another database, which knows less.
///
/// Who changes records by hand, without an event, must restart the replicas.
final class CoherentRecords: Sendable {
    /// More events of others than this are not worth reading.
    private static let followed: Int64 = 1_000
    private static let followedBytes = 8 << 20

    private let records: RecordCache
    /// The last event that is reflected; `nil` when nothing is known.
    private let place = Mutex<Ref?>(nil)
    /// Grows whenever the place moves, before any record changes.
    private let moves = Atomic<UInt64>(0)

    init(bytes: Int) { records = RecordCache(bytes: bytes) }

    /// A number to give to ``fill(_:for:readAfter:)``, taken before the read.
    var state: UInt64 { moves.load(ordering: .sequentiallyConsistent) }

    /// Brings the cache to `head`, or finds it there or beyond. `events` reads so many from a ref on.
    ///
    /// With `isLocked` nobody can have gone beyond: if the cache has, the log has gone back, and nothing here is true.
    func catchUp(
        to head: Head, isLocked: Bool, events: (_ first: Ref, _ count: Int, _ bytes: Int) throws(StoreError) -> [Event]
    ) throws(StoreError) {
        let last = head.lastRef
        if isLocked, place.withLock({ $0.map { $0 > last } ?? false }) { forget() }
        while true {
            guard let known = place.withLock({ $0 }), last.rawValue - known.rawValue <= CoherentRecords.followed else {
                return begin(at: last)
            }
            guard known < last else { return }
            let count = Int(last.rawValue - known.rawValue)
            let isKept = known.next >= head.oldestRef
            let new = isKept ? try events(known.next, count, CoherentRecords.followedBytes) : []
            // Compaction may have dropped some meanwhile, or they are too large to be read at once.
            guard new.count == count else { return begin(at: last) }
            let isThere = move(from: known, to: last) {
                for event in new { records.put(Record(after: event), for: event.key) }
            }
            // If not, somebody with an older head has moved it meanwhile, and maybe not as far.
            if isThere { return }
        }
    }

    /// Starts anew, unless somebody has come as far meanwhile.
    private func begin(at ref: Ref) {
        place.withLock { place in
            if let known = place, known >= ref { return }
            moves.add(1, ordering: .sequentiallyConsistent)
            records.clear()
            place = ref
        }
    }

    /// Returns whether it was at `known`, and so has moved.
    @discardableResult
    private func move(from known: Ref, to last: Ref, _ change: () -> Void) -> Bool {
        place.withLock { place in
            guard place == known else { return false }
            moves.add(1, ordering: .sequentiallyConsistent)
            change()
            place = last
            return true
        }
    }

    /// Forgets everything: it is not known what is stored.
    func forget() {
        place.withLock { place in
            moves.add(1, ordering: .sequentiallyConsistent)
            place = nil
            records.clear()
        }
    }

    /// What is known of a key, for who has caught up.
    func entry(_ key: Key) -> RecordCache.Entry? { records.entry(key) }

    /// Whether the cache is at `ref` or beyond.
    func has(come ref: Ref) -> Bool { place.withLock { $0.map { $0 >= ref } ?? false } }

    /// Notes what was read from the database, if nothing has moved since `state`.
    func fill(_ record: Record?, for key: Key, readAfter state: UInt64) {
        records.put(record, for: key, if: { self.state == state })
    }

    /// Notes what a batch has stored, which led the log from `first` to `last`.
    func note(stored: [Record], from first: Ref, to last: Ref) {
        // Somebody who read right after the commit may have come as far already.
        move(from: first, to: last) { for record in stored { records.put(record, for: record.key) } }
    }
}

/// A batch's view that looks into the cache first.
struct CachedView: EngineView {
    let view: any EngineView
    let cache: CoherentRecords

    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        try cache.records(keys) { (missing) throws(StoreError) in try view.records(missing) }
    }

    func forEachRecord(of keys: [Key], _ body: (Key, Record?) -> Void) throws(StoreError) {
        var missing: [Key] = []
        for key in keys {
            if let entry = cache.entry(key) { body(key, entry) } else { missing.append(key) }
        }
        if missing.isEmpty { return }
        let found = try records(missing)
        for key in missing { body(key, found[key]) }
    }

    func time() throws(StoreError) -> Timestamp? { try view.time() }
    func head() throws(StoreError) -> Head { try view.head() }
    func records(in range: KeyRange, limit: Int, bytes: Int, keysOnly: Bool) throws(StoreError) -> [Record] {
        try view.records(in: range, limit: limit, bytes: bytes, keysOnly: keysOnly)
    }
    func recordsEver(in range: KeyRange, limit: Int) throws(StoreError) -> [Record] {
        try view.recordsEver(in: range, limit: limit)
    }
    func recordsWithoutValues(of keys: [Key]) throws(StoreError) -> [Key: Record] {
        // What comes without its value is nothing to remember.
        var found: [Key: Record] = [:]
        var missing: [Key] = []
        for key in keys {
            if let entry = cache.entry(key) { found[key] = entry } else { missing.append(key) }
        }
        return missing.isEmpty ? found : found.merging(try view.recordsWithoutValues(of: missing)) { $1 }
    }
    func keys(in ranges: [KeyRange], limit: Int) throws(StoreError) -> [Key] {
        try view.keys(in: ranges, limit: limit)
    }
    func keys(on leases: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]] { try view.keys(on: leases) }
    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease] { try view.leases(ids) }
    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease] {
        try view.leases(from: first, limit: limit)
    }
    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease] {
        try view.leases(dueAt: time, limit: limit)
    }
    func locks(_ tokens: [Ref]) throws(StoreError) -> [Ref: Lock] { try view.locks(tokens) }
    func locks(from first: Ref, limit: Int) throws(StoreError) -> [Lock] { try view.locks(from: first, limit: limit) }
    func locks(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lock] {
        try view.locks(dueAt: time, limit: limit)
    }
    func nextDeadline() throws(StoreError) -> Timestamp? { try view.nextDeadline() }
    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event] {
        try view.events(from: first, limit: limit, bytes: bytes)
    }
    func events(_ refs: [Ref]) throws(StoreError) -> [Ref: Event] { try view.events(refs) }
    func consumer(_ name: String) throws(StoreError) -> Consumer? { try view.consumer(name) }
    func consumers(_ names: [String]) throws(StoreError) -> [String: Consumer] { try view.consumers(names) }
    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer] {
        try view.consumers(after: name, limit: limit)
    }
    func result(of request: RequestID) throws(StoreError) -> TransactionResult? { try view.result(of: request) }
}

extension CoherentRecords {
    /// The records of these keys: those that are here, and the others as `read` finds them.
    func records(
        _ keys: [Key], reading read: ([Key]) throws(StoreError) -> [Key: Record]
    ) throws(StoreError) -> [Key: Record] {
        var found: [Key: Record] = [:]
        found.reserveCapacity(keys.count)
        var missing: [Key] = []
        for key in keys {
            guard let entry = entry(key) else {
                missing.append(key)
                continue
            }
            if let record = entry { found[key] = record }
        }
        if missing.isEmpty { return found }
        let before = state
        let more = try read(missing)
        for key in missing { fill(more[key], for: key, readAfter: before) }
        return found.merging(more) { $1 }
    }
}
