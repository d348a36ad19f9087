public import CairnKeyspace
public import CairnModel

/// All that can be seen of a store at one moment, to be held against another's.
public struct StoreImage: Hashable, Sendable {
    /// The last event.
    public var lastRef: Ref
    /// The oldest event that may be read.
    public var oldestRef: Ref
    /// The last number given to a lease.
    public var lastLeaseID: LeaseID
    /// The time of the last batch that changed something.
    public var time: Timestamp
    /// Every record, tombstones included, by key.
    public var records: [Record]
    /// The keys of the live ones, as a scan shows them.
    public var liveKeys: [Key]
    /// The events that are kept.
    public var events: [Event]
    /// Leases that were granted or have a deadline, by number.
    public var leases: [Lease]
    /// The numbers of those with a deadline, by deadline and number.
    public var deadlines: [LeaseID]
    /// Every lock, by token.
    public var locks: [Lock]
    /// Their tokens, by deadline and token.
    public var lockDeadlines: [Ref]
    /// The live keys on each lease that has some, by number.
    public var keysOnLeases: [[Key]]
    /// Every consumer, by name.
    public var consumers: [Consumer]
    /// What is remembered of requests.
    public var requests: [RequestID: TransactionResult]

    /// What a model shows.
    public init(_ model: PlainModel) {
        lastRef = model.lastRef
        oldestRef = model.oldestRef
        lastLeaseID = model.state.lastLeaseID
        time = model.time
        records = model.records.values.sorted { $0.key < $1.key }
        liveKeys = records.filter(\.isLive).map(\.key)
        let oldest = model.oldestRef
        events = model.events.filter { $0.ref >= oldest }
        leases = model.leases.values.filter { $0.isGranted || $0.deadline != nil }.sorted { $0.id < $1.id }
        deadlines = leases.filter { $0.deadline != nil }
            .sorted { ($0.deadline!, $0.id) < ($1.deadline!, $1.id) }.map(\.id)
        locks = model.locks.values.sorted { $0.token < $1.token }
        lockDeadlines = locks.sorted { ($0.deadline, $0.token) < ($1.deadline, $1.token) }.map(\.token)
        keysOnLeases = model.leases.keys.sorted().map { model.keys(on: $0) }.filter { !$0.isEmpty }
        consumers = model.consumers.values.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        requests = model.state.requests
    }

    /// What an engine shows of `keys`, of the first leases and of `requests`.
    public init(
        _ view: any EngineView, keys: [Key] = History.keys, requests ids: [RequestID] = History.requests
    ) throws(StoreError) {
        let head = try view.head()
        lastRef = head.lastRef
        oldestRef = head.oldestRef
        lastLeaseID = head.lastLeaseID
        time = head.time
        records = try view.records(keys).values.sorted { $0.key < $1.key }
        liveKeys = try view.records(in: .all, limit: .max - 1, bytes: .max, keysOnly: true).map(\.key)
        events = []
        while true {
            let more = try view.events(from: events.last?.ref.next ?? oldestRef, limit: 1_000, bytes: 1 << 20)
            if more.isEmpty { break }
            events += more
        }
        leases = try view.leases(from: 0, limit: 1_000)
        deadlines = try view.leases(dueAt: Timestamp(microseconds: .max), limit: 1_000).map(\.id)
        locks = try view.locks(from: 0, limit: 1_000)
        lockDeadlines = try view.locks(dueAt: Timestamp(microseconds: .max), limit: 1_000).map(\.token)
        keysOnLeases = []
        for id in Set(records.filter(\.isLive).map(\.leaseID)).sorted() {
            keysOnLeases.append(try view.keys(on: id).sorted())
        }
        consumers = try view.consumers(after: "", limit: 1_000)
        requests = [:]
        for id in ids { requests[id] = try view.result(of: id) }
    }

    /// The first part in which `other` differs, in words, or `nil` if they are the same.
    public func difference(from other: StoreImage) -> String? {
        if self == other { return nil }
        let mine = Mirror(reflecting: self).children
        let theirs = Mirror(reflecting: other).children
        for (a, b) in zip(mine, theirs) where "\(a.value)" != "\(b.value)" {
            return "\(a.label ?? "?") differ:\n  \(a.value)\n  \(b.value)"
        }
        return "they differ in a way that their text does not show"
    }
}
