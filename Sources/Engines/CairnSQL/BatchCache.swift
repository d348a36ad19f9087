internal import CairnKeyspace
internal import CairnModel

/// The records that batches have lately read or written, so that a batch need not ask the database for them.
///
/// A batch holds the head's lock, and the head says how far the log has come. Every change of a record is an event, so a
/// record that was current at some event is current now if there has been no event since, by whomever; and if there
/// were some, they tell what has changed. Of the database only the events are asked that other replicas have made.
///
/// Used by the committer's thread alone. Who changes records by hand, without an event, must restart the replicas.
final class BatchCache {
    /// More events of others than this are not worth reading.
    private static let followed: Int64 = 1_000

    private let records: RecordCache
    /// The last event that is reflected; `nil` when nothing is known.
    private var place: Ref?

    init(bytes: Int) { records = RecordCache(bytes: bytes) }

    /// Brings the cache to where a batch starts.
    func catchUp(to head: Head, _ view: any EngineView) throws(StoreError) {
        guard let known = place, known <= head.lastRef, head.lastRef.rawValue - known.rawValue <= BatchCache.followed
        else { return begin(at: head.lastRef) }
        guard known < head.lastRef else { return }
        place = nil
        let count = Int(head.lastRef.rawValue - known.rawValue)
        let events = known.next < head.oldestRef
            ? [] : try view.events(from: known.next, limit: count, bytes: 8 << 20)
        // Compaction may have dropped some, or they are too large to be read at once.
        guard events.count == count else { return begin(at: head.lastRef) }
        for event in events { records.put(Record(after: event), for: event.key) }
        place = head.lastRef
    }

    /// Starts anew.
    private func begin(at ref: Ref) {
        records.clear()
        place = ref
    }

    /// Forgets everything: it is not known what is stored.
    func forget() { place = nil }

    /// What is known of a key.
    func entry(_ key: Key) -> RecordCache.Entry? { records.entry(key) }

    /// Notes what a batch has read.
    func note(_ record: Record?, for key: Key) { records.put(record, for: key) }

    /// Notes what a batch has stored, which led the log to `last`.
    func note(stored: [Record], upTo last: Ref) {
        guard place != nil else { return }
        for record in stored { records.put(record, for: record.key) }
        place = last
    }
}

/// A batch's view that asks the cache first.
struct CachedView: EngineView {
    let view: any EngineView
    let cache: BatchCache

    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        var found: [Key: Record] = [:]
        found.reserveCapacity(keys.count)
        var missing: [Key] = []
        for key in keys {
            guard let entry = cache.entry(key) else {
                missing.append(key)
                continue
            }
            if let record = entry { found[key] = record }
        }
        if missing.isEmpty { return found }
        let read = try view.records(missing)
        for key in missing { cache.note(read[key], for: key) }
        return found.merging(read) { $1 }
    }

    func time() throws(StoreError) -> Timestamp? { try view.time() }
    func head() throws(StoreError) -> Head { try view.head() }
    func records(in range: KeyRange, limit: Int, bytes: Int, keysOnly: Bool) throws(StoreError) -> [Record] {
        try view.records(in: range, limit: limit, bytes: bytes, keysOnly: keysOnly)
    }
    func keys(on lease: LeaseID) throws(StoreError) -> [Key] { try view.keys(on: lease) }
    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease] { try view.leases(ids) }
    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease] {
        try view.leases(from: first, limit: limit)
    }
    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease] {
        try view.leases(dueAt: time, limit: limit)
    }
    func nextDeadline() throws(StoreError) -> Timestamp? { try view.nextDeadline() }
    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event] {
        try view.events(from: first, limit: limit, bytes: bytes)
    }
    func consumer(_ name: String) throws(StoreError) -> Consumer? { try view.consumer(name) }
    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer] {
        try view.consumers(after: name, limit: limit)
    }
    func result(of request: RequestID) throws(StoreError) -> TransactionResult? { try view.result(of: request) }
}
