public import CairnModel

/// A home whose rules are ours: it loads what a batch touches, and stores what the rules decided.
///
/// An engine knows nothing of callers, queues, watchers or deadlines' consequences; ``Keyspace`` makes a ``Store`` of
/// it. Its methods are synchronous. When ``blocks`` is true they are called on threads made for it, never on Swift's
/// cooperative pool or an event loop.
public protocol Engine: AnyObject, Sendable {
    /// The home's name, such as `sqlite`.
    var name: String { get }
    /// What the home can do.
    var capabilities: Capabilities { get }
    /// Whether calls may wait for a file or a network. If not, callers run them where they stand.
    var blocks: Bool { get }
    /// How many threads may call ``read(_:)`` at the same time with profit.
    var readers: Int { get }

    /// Whether a batch costs so much beside a transaction that it is worth waiting for some more.
    var gathersBatches: Bool { get }

    /// Whether this process is the one that expires leases and keeps the log, among those that have the home open.
    var isOnDuty: Bool { get }
    /// Grows when something happened after which the home may have lost what it had acknowledged, such as a new
    /// connection to a database that may have failed over. Whoever knows events then sees whether they still are there.
    var continuity: Int { get }

    /// The record of a key if the engine can tell at once, without blocking, and linearizably; else `nil`.
    func readyRecord(_ key: Key) -> ReadyRecord?

    /// Whether ``recall(_:)`` may know anything.
    var recalls: Bool { get }

    /// What is known of each of these keys as of a moment during the call, found by less than looking them up; `nil`
    /// for those that must be. For an engine that has records in memory and must ask whether they still hold: the more
    /// keys, the less for each.
    func recall(_ keys: [Key]) throws(StoreError) -> [ReadyRecord?]

    /// The records of these keys, tombstones included, as of one moment during the call.
    func lookUp(_ keys: [Key]) throws(StoreError) -> [Key: Record]

    /// Calls `body` with a view of one moment, the latest. May call it again, when the home could not be read to the
    /// end; only the last call counts.
    func read<Result>(
        _ body: (any EngineView) throws(StoreError) -> Result
    ) throws(StoreError) -> Result

    /// Runs one batch: calls `decide` with the latest state while no other batch can run, in this process or another,
    /// and stores the changes it returns, all or none. When this returns they are as durable as the home can make
    /// them. `nil` stores nothing.
    ///
    /// Never called twice at the same time. When it throws, nothing was stored, unless the error's
    /// ``StoreError/retry`` says that the outcome is unknown; it throws what `decide` throws. May call `decide` several
    /// times, when the home has undone the batch for reasons of its own; only the last call counts.
    func commit(
        _ decide: (any EngineView) throws(StoreError) -> Changes?
    ) throws(StoreError)

    /// The same. `isFollowed` tells, when the batch is about to be stored, whether another waits: the engine may begin
    /// that already. It comes at once, or is called off with ``rest()``.
    func commit(
        isFollowed: () -> Bool, _ decide: (any EngineView) throws(StoreError) -> Changes?
    ) throws(StoreError)

    /// No batch follows for now: lets others have what was kept for the next. Called on the thread that commits.
    func rest()

    /// Frees room that compaction has released, and that of forgotten requests, a bounded piece at a time. Returns
    /// whether more is left.
    ///
    /// Called between batches on the thread that commits.
    func trim() throws(StoreError) -> Bool

    /// Whether another process may have committed something after the event `ref`, as far as this engine knows. Cheap,
    /// and callable from any thread.
    func mayHaveForeignChanges(since ref: Ref) -> Bool

    /// Whether ``mayHaveForeignChanges(since:)`` knows of a commit as soon as it is acknowledged, in whatever process.
    var noticesForeignChangesAtOnce: Bool { get }

    /// Has `changed` called whenever there may be news of other processes, until ``close()``; `false` if the engine
    /// must be asked.
    func listen(_ changed: @escaping @Sendable () -> Void) -> Bool

    /// How large the home is, as far as it can be told at once. Callable from any thread.
    var size: HomeSize { get }

    /// Writes a copy, as of one moment, to a file that must not exist.
    func backup(toFile path: String) throws(StoreError)

    /// Frees everything. No other call is under way or follows.
    func close()
}

// What holds for an engine in one process, or over a file.
extension Engine {
    /// What waits is a batch.
    public var gathersBatches: Bool { false }
    /// Every process is.
    public var isOnDuty: Bool { true }
    /// Nothing ever is lost.
    public var continuity: Int { 0 }
    /// A commit is seen at once.
    public var noticesForeignChangesAtOnce: Bool { true }

    /// It can't be told.
    public var size: HomeSize { HomeSize() }

    /// Nothing is kept.
    public func rest() {}

    /// Runs each batch by itself.
    public func commit(
        isFollowed: () -> Bool, _ decide: (any EngineView) throws(StoreError) -> Changes?
    ) throws(StoreError) {
        try commit(decide)
    }

    /// Nothing is known but at once.
    public var recalls: Bool { false }
    /// Nothing is known.
    public func recall(_ keys: [Key]) throws(StoreError) -> [ReadyRecord?] { keys.map { _ in nil } }

    /// Reads them from a view.
    public func lookUp(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        try read { (view) throws(StoreError) in try view.records(keys) }
    }

    /// Must be asked.
    public func listen(_ changed: @escaping @Sendable () -> Void) -> Bool { false }
}

/// How large a home is.
public struct HomeSize: Hashable, Sendable {
    /// Live keys; `nil` if they would have to be counted.
    public var keys: Int?
    /// What the home takes where it lies, in bytes; `nil` if it can't be told.
    public var bytes: Int64?
    /// Leases that were granted or have a deadline, lifespans among them; `nil` if they would have to be counted.
    public var leases: Int?
    /// Locks that are held; `nil` if they would have to be counted.
    public var locks: Int?

    /// A size, as far as it is known.
    public init(keys: Int? = nil, bytes: Int64? = nil, leases: Int? = nil, locks: Int? = nil) {
        self.keys = keys
        self.bytes = bytes
        self.leases = leases
        self.locks = locks
    }
}

/// What an engine knows of a key at once.
public enum ReadyRecord: Sendable {
    /// The key has this record, which may be a tombstone.
    case record(Record)
    /// The key was never set.
    case absent
}

/// The state of an engine at one moment, for one call on one thread.
///
/// All of it is synchronous; what a home can fetch together it should: callers ask for many keys at once.
public protocol EngineView {
    /// The time by the home's own clock, if it has one that all its users share; else `nil`, and the time is the
    /// process's.
    func time() throws(StoreError) -> Timestamp?
    /// How many keys are live, if the home knows that without counting; else `nil`.
    func liveKeys() throws(StoreError) -> Int?
    /// Where the log stands.
    func head() throws(StoreError) -> Head
    /// The records of these keys, tombstones included; keys that were never set are left out.
    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record]
    /// Calls `body` with each of these keys and its record, tombstones included, in any order.
    ///
    /// For an engine that has to ask a key at a time anyway, this saves the dictionary.
    func forEachRecord(of keys: [Key], _ body: (Key, Record?) -> Void) throws(StoreError)
    /// The same without the values, where that costs less.
    func recordsWithoutValues(of keys: [Key]) throws(StoreError) -> [Key: Record]
    /// The live records of a range, in bytewise order, at most `limit`; fewer when their values exceed `bytes`, but at
    /// least one if there is one. Without values when `keysOnly`.
    func records(in range: KeyRange, limit: Int, bytes: Int, keysOnly: Bool) throws(StoreError) -> [Record]
    /// The records of a range without their values, in bytewise order, at most `limit`; tombstones included.
    func recordsEver(in range: KeyRange, limit: Int) throws(StoreError) -> [Record]
    /// The live keys of ranges, which are in order and don't overlap; in order, and at most `limit` in all.
    func keys(in ranges: [KeyRange], limit: Int) throws(StoreError) -> [Key]
    /// Live keys on leases, in any order; of each lease at most as many as are given for it.
    func keys(on leases: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]]
    /// The stored leases among these.
    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease]
    /// Stored leases by number, from `first` on, at most `limit`.
    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease]
    /// Leases whose deadline is `time` or earlier, by deadline and number, at most `limit`.
    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease]
    /// The stored locks with these tokens.
    func locks(_ tokens: [Ref]) throws(StoreError) -> [Ref: Lock]
    /// Stored locks by token, from `first` on, at most `limit`.
    func locks(from first: Ref, limit: Int) throws(StoreError) -> [Lock]
    /// Locks whose deadline is `time` or earlier, by deadline and token, at most `limit`.
    func locks(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lock]
    /// The earliest deadline of all leases and locks.
    func nextDeadline() throws(StoreError) -> Timestamp?
    /// Events from `first` on, in order, at most `limit`; fewer when their values exceed `bytes`, but at least one if
    /// there is one.
    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event]
    /// The events with these refs, as far as they are kept.
    func events(_ refs: [Ref]) throws(StoreError) -> [Ref: Event]
    /// A consumer.
    func consumer(_ name: String) throws(StoreError) -> Consumer?
    /// The consumers among these.
    func consumers(_ names: [String]) throws(StoreError) -> [String: Consumer]
    /// Consumers by name, bytewise, after `name`, at most `limit`.
    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer]
    /// The result remembered for a request id.
    func result(of request: RequestID) throws(StoreError) -> TransactionResult?
}

extension EngineView {
    /// A home without a clock of its own.
    public func time() throws(StoreError) -> Timestamp? { nil }

    /// The live keys on a lease, in any order, at most `limit`.
    public func keys(on lease: LeaseID, limit: Int = .max) throws(StoreError) -> [Key] {
        try keys(on: [lease: limit])[lease] ?? []
    }

    /// Reads the values, too.
    public func recordsWithoutValues(of keys: [Key]) throws(StoreError) -> [Key: Record] { try records(keys) }

    /// Looks through one after the other.
    public func keys(in ranges: [KeyRange], limit: Int) throws(StoreError) -> [Key] {
        var keys: [Key] = []
        for range in ranges where keys.count < limit {
            keys += try records(in: range, limit: limit - keys.count, bytes: .max, keysOnly: true).map(\.key)
        }
        return keys
    }

    /// Looks for one after the other.
    public func consumers(_ names: [String]) throws(StoreError) -> [String: Consumer] {
        var found: [String: Consumer] = [:]
        for name in names { found[name] = try consumer(name) }
        return found
    }

    /// Looks for one after the other.
    public func events(_ refs: [Ref]) throws(StoreError) -> [Ref: Event] {
        var found: [Ref: Event] = [:]
        for ref in refs {
            if let event = try events(from: ref, limit: 1, bytes: .max).first, event.ref == ref { found[ref] = event }
        }
        return found
    }

    /// A home that would have to count.
    public func liveKeys() throws(StoreError) -> Int? { nil }

    /// Looks all keys up together.
    public func forEachRecord(of keys: [Key], _ body: (Key, Record?) -> Void) throws(StoreError) {
        let records = try records(keys)
        for key in keys { body(key, records[key]) }
    }
}
