internal import CairnModel
internal import Metrics

/// What a keyspace measures, for swift-metrics.
///
/// | metric | what |
/// |---|---|
/// | `cairn_batch_seconds` | timer: deciding and storing a batch of writes |
/// | `cairn_batch_transactions` | recorder: transactions in a batch |
/// | `cairn_batch_failures_total{reason}` | counter: batches that could not be stored |
/// | `cairn_read_seconds` | timer: reads of an engine that blocks; lookups that waited together are one |
/// | `cairn_events_total{kind}` | counter: events that this process has written |
/// | `cairn_waiting_writes`, `cairn_head_ref` | meters |
/// | `cairn_watchers`, `cairn_watchers_behind`, `cairn_watch_lag_events` | meters |
/// | `cairn_home_keys`, `cairn_home_bytes`, `cairn_home_leases`, `cairn_home_locks` | meters, where the home can tell |
///
/// The meters are set by ``Keyspace/sampleMetrics()``.
final class KeyspaceMetrics: Sendable {
    private let factory: any MetricsFactory
    private let batchSeconds: Timer
    private let batchTransactions: Recorder
    private let readSeconds: Timer
    private let events: [Event.Kind: Counter]
    private let waitingWrites: Meter
    private let headRef: Meter
    private let watchers: Meter
    private let watchersBehind: Meter
    private let watchLag: Meter
    private let homeKeys: Meter?
    private let homeBytes: Meter?
    private let homeLeases: Meter?
    private let homeLocks: Meter?

    /// Metrics that nobody reads.
    static let none = KeyspaceMetrics(factory: NOOPMetricsHandler.instance)

    /// Only what a home of this size can tell of is there.
    init(factory: any MetricsFactory, size: HomeSize = HomeSize()) {
        self.factory = factory
        batchSeconds = Timer(label: "cairn_batch_seconds", factory: factory)
        batchTransactions = Recorder(label: "cairn_batch_transactions", factory: factory)
        readSeconds = Timer(label: "cairn_read_seconds", factory: factory)
        events = Dictionary(
            uniqueKeysWithValues: Event.Kind.logged.map { kind in
                (kind, Counter(label: "cairn_events_total", dimensions: [("kind", kind.description)], factory: factory))
            })
        waitingWrites = Meter(label: "cairn_waiting_writes", factory: factory)
        headRef = Meter(label: "cairn_head_ref", factory: factory)
        watchers = Meter(label: "cairn_watchers", factory: factory)
        watchersBehind = Meter(label: "cairn_watchers_behind", factory: factory)
        watchLag = Meter(label: "cairn_watch_lag_events", factory: factory)
        homeKeys = size.keys.map { _ in Meter(label: "cairn_home_keys", factory: factory) }
        homeBytes = size.bytes.map { _ in Meter(label: "cairn_home_bytes", factory: factory) }
        homeLeases = size.leases.map { _ in Meter(label: "cairn_home_leases", factory: factory) }
        homeLocks = size.locks.map { _ in Meter(label: "cairn_home_locks", factory: factory) }
    }

    /// A batch was decided and stored, or refused.
    func batchEnded(transactions: Int, took duration: Duration) {
        batchSeconds.recordNanoseconds(duration.nanosecondsRounded)
        batchTransactions.record(transactions)
    }

    /// Reads an engine that blocks, and notes how long it took.
    func time<Result>(_ read: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        let start = ContinuousClock.now
        defer { readSeconds.recordNanoseconds((ContinuousClock.now - start).nanosecondsRounded) }
        return try read()
    }

    /// A batch could not be stored.
    func batchFailed(_ code: StoreError.Code) {
        Counter(label: "cairn_batch_failures_total", dimensions: [("reason", code.rawValue)], factory: factory)
            .increment()
    }

    /// Events are stored. Neighbours are mostly of the same kind, and counted together.
    func stored(_ stored: [Event]) {
        var rest = stored[...]
        while let kind = rest.first?.kind {
            let count = rest.firstIndex { $0.kind != kind } ?? rest.endIndex
            events[kind]?.increment(by: count - rest.startIndex)
            rest = rest[count...]
        }
    }

    /// How things stand now.
    func sample(waiting: Int, head: Ref, watches: WatchFigures, size: HomeSize) {
        if let keys = size.keys { homeKeys?.set(keys) }
        if let bytes = size.bytes { homeBytes?.set(bytes) }
        if let leases = size.leases { homeLeases?.set(leases) }
        if let locks = size.locks { homeLocks?.set(locks) }
        waitingWrites.set(waiting)
        headRef.set(head.rawValue)
        watchers.set(watches.count)
        watchersBehind.set(watches.behind)
        watchLag.set(watches.longestLag)
    }
}

/// How the watches of a keyspace stand.
struct WatchFigures: Equatable {
    /// How many there are.
    var count = 0
    /// How many are reading the log.
    var behind = 0
    /// How many events, wanted or not, have been committed since the last one that the slowest was given.
    var longestLag: Int64 = 0
}

extension Duration {
    fileprivate var nanosecondsRounded: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
