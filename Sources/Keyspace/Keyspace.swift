public import CairnModel
public import Logging
public import Metrics
internal import Synchronization

/// How a ``Keyspace`` behaves.
public struct KeyspaceOptions: Sendable {
    /// How large things may be.
    public var limits = Limits.standard
    /// How much of the log is kept. All of it, unless told otherwise.
    public var retention = Retention.unlimited
    /// How much of what keys were is told. All that the log keeps, unless told otherwise.
    public var history = HistoryOptions()
    /// How many streams may be open at a time; `nil` for any number.
    public var watchLimit: Int?
    /// How many bytes of events are held for one stream that is slow to take them; what is more it reads from the log.
    public var watchBuffer = 1 << 20
    /// How often an idle watch is told how far the log has come, and the log's age is looked at.
    public var upkeepInterval = Duration.seconds(1)
    /// How often to look whether another process has written; only for homes that processes share, and a matter of
    /// nanoseconds.
    public var followInterval = Duration.milliseconds(10)
    /// The time of day.
    public var clock: any WallClock = SystemClock()
    /// When keys are pruned. Only when asked to, unless told otherwise.
    public var pruning = PruningOptions()
    /// Of how many keys to remember how they are used; the least lately used fall out. `nil`: as many as pruning may
    /// need, so none without it.
    public var keyMetrics: Int?
    /// Called around the answers that go to many callers at once, so that a server can wake its threads once for all of
    /// them. It must call what it is given, at once.
    public var gatherAnswers: @Sendable (_ answer: () -> Void) -> Void = { answer in answer() }
    /// Where to count what happens: where swift-metrics was told to, unless told otherwise.
    public var metrics: any MetricsFactory = MetricsSystem.factory
    /// Who is told of the batches that are written for traced calls; nobody, unless told otherwise.
    public var tracer: (any Tracer)?
    /// Where to report what went wrong behind the scenes. Nowhere, unless told otherwise.
    public var logger = Logger(label: "cairn.keyspace") { _ in SwiftLogNoOpLogHandler() }

    /// The options of a keyspace that sets none.
    public init() {}
}

/// A ``Store`` over any ``Engine``: group commit, reads, watches, expiry and retention.
public final class Keyspace: Store {
    let engine: any Engine
    let options: KeyspaceOptions
    let hub: Hub
    let committer: Committer
    let reads: ReadQueue
    let lockQueue: LockQueue
    let keyMetrics: KeyMetricsTable?
    /// The hub's; here, too, as every read looks at it.
    let accesses: AccessFeed
    let pruner: Pruner
    private let staleReads: StaleReads?
    private let isClosed = Atomic<Bool>(false)
    private let upkeep = Mutex<[Task<Void, Never>]>([])
    private let kept: SharedRetention
    private let metrics: KeyspaceMetrics

    /// What this store can do.
    public var capabilities: Capabilities { engine.capabilities }
    /// How large things may be.
    public var limits: Limits { options.limits }
    /// How much of the log is kept. A change is heeded within some ten seconds.
    public var retention: Retention {
        get { kept.value.withLock { $0 } }
        set { kept.value.withLock { $0 = newValue } }
    }

    /// Opens a store over what `open` makes, which is called on a thread of its own.
    ///
    /// `stale` makes a second engine that lags behind the first, such as a read replica of its database; reads that may
    /// be stale go there. Without it they are answered by the first.
    public static func open(
        options: KeyspaceOptions = KeyspaceOptions(),
        engine open: @escaping @Sendable () throws(StoreError) -> any Engine,
        stale openStale: (@Sendable () throws(StoreError) -> any Engine)? = nil
    ) async throws(StoreError) -> Keyspace {
        try await self.open(options: options, keyMetrics: nil, engine: open, stale: openStale)
    }

    /// Opens a store that goes on counting the use of keys in `keyMetrics`, a table of the capacity that the options
    /// ask for; `nil` for a new one. See ``open(options:engine:stale:)``.
    package static func open(
        options: KeyspaceOptions, keyMetrics: KeyMetricsTable?,
        engine open: @escaping @Sendable () throws(StoreError) -> any Engine,
        stale openStale: (@Sendable () throws(StoreError) -> any Engine)? = nil
    ) async throws(StoreError) -> Keyspace {
        try options.pruning.check(maxKeys: options.limits.keys)
        let opened = await BlockingCall.run(name: "cairn-open") { () -> Result<Opened, StoreError> in
            do throws(StoreError) {
                let engine = try open()
                var stale: (any Engine)?
                do throws(StoreError) {
                    try options.checkCounting(in: engine)
                    stale = try openStale?()
                    let (head, deadline) = try engine.read { (view) throws(StoreError) in
                        (try view.head(), try view.nextDeadline())
                    }
                    return .success(Opened(engine: engine, stale: stale, head: head, deadline: deadline))
                } catch {
                    stale?.close()
                    engine.close()
                    throw error
                }
            } catch {
                return .failure(error)
            }
        }
        return Keyspace(try opened.get(), options: options, keyMetrics: keyMetrics)
    }

    private struct Opened: Sendable {
        let engine: any Engine
        let stale: (any Engine)?
        let head: Head
        let deadline: Timestamp?
    }

    private init(_ opened: Opened, options: KeyspaceOptions, keyMetrics: KeyMetricsTable?) {
        let engine = opened.engine
        self.engine = engine
        self.options = options
        let metrics = KeyspaceMetrics(factory: options.metrics, size: engine.size)
        self.metrics = metrics
        let keyMetrics = keyMetrics ?? KeyMetricsTable(capacity: options.keyMetricsCapacity)
        let hub = Hub(head: opened.head.lastRef, accesses: AccessFeed(isCounted: keyMetrics != nil))
        let growth = GrowthSignal(engine: engine, eagerAt: options.pruning.eagerAt)
        let sweeper = Sweeper(clock: options.clock, next: opened.deadline)
        let committer = Committer(
            engine: engine, clock: options.clock, limits: options.limits, hub: hub,
            lastTime: opened.head.time, nextDeadline: opened.deadline, gatherAnswers: options.gatherAnswers,
            logger: options.logger, metrics: metrics, tracer: options.tracer,
            committed: CommitObserver.observer(keyMetrics, growth), deadlineMoved: { sweeper.note($0) })
        self.hub = hub
        self.keyMetrics = keyMetrics
        accesses = hub.accesses
        self.committer = committer
        reads = ReadQueue(engine: engine, gatherAnswers: options.gatherAnswers, metrics: metrics)
        let reads = reads
        let pruner = Pruner(
            engine: engine, committer: committer, reads: reads, options: options, keyMetrics: keyMetrics, growth: growth
        )
        self.pruner = pruner
        lockQueue = LockQueue(
            clock: options.clock,
            commit: { (transaction) throws(StoreError) in try await pruner.commitMakingRoom(transaction) },
            watch: { [engine, options] (request) throws(StoreError) in
                try await Keyspace.watch(request, engine: engine, hub: hub, reads: reads, options: options)
            })
        staleReads = opened.stale.map { StaleReads(engine: $0, gatherAnswers: options.gatherAnswers) }
        let kept = SharedRetention(options.retention)
        self.kept = kept
        let keeper = LogKeeper(
            engine: engine, committer: committer, hub: hub, reads: reads, options: options,
            retention: { kept.value.withLock { $0 } })
        // Unstructured, because they live as long as the store and nobody waits for them; `close` ends them.
        var tasks = [
            Task { await sweeper.run { await committer.sweep() } },
            Task { await keeper.run() },
        ]
        if pruner.runsByItself { tasks.append(Task { await pruner.run() }) }
        if engine.capabilities.has(.sharedHome) {
            let interval = options.followInterval
            tasks.append(Task { await Follower.run(engine: engine, committer: committer, hub: hub, every: interval) })
        }
        upkeep.withLock { [tasks] in $0 = tasks }
    }

    /// Stops: waits for writes under way, ends the streams, frees everything.
    public func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let tasks = upkeep.withLock { $0 }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await committer.close()
        hub.close()
        await reads.close()
        await staleReads?.close()
        let engine = engine
        await BlockingCall.run(name: "cairn-close") { engine.close() }
    }

    /// Tells every live watcher how far the log has come, as happens each ``KeyspaceOptions/upkeepInterval``.
    func reportProgress() async {
        // A batch first: what was committed before has then been taken to the watchers.
        await committer.sweep()
        hub.reportProgress()
    }

    /// Sets the metrics that are only known when somebody looks: what waits, how far the log has come, how the watches
    /// stand, how large the home is. To be called before metrics are read; takes a moment for each watch, and may look
    /// at files.
    public func sampleMetrics() {
        guard !isClosed.load(ordering: .acquiring) else { return }
        metrics.sample(
            waiting: committer.waitingCount, head: hub.head, watches: hub.watchFigures, size: engine.size)
    }

    /// How many watches are open, for tests.
    package var watchCount: Int { hub.watcherCount }

    func checkOpen() throws(StoreError) {
        if isClosed.load(ordering: .acquiring) { throw .closed }
    }
}

/// How much of the log is kept, for all who read or change it.
private final class SharedRetention: Sendable {
    let value: Mutex<Retention>

    init(_ retention: Retention) { value = Mutex(retention) }
}

// Reading.
extension Keyspace: DirectStore {
    /// The live record of a key, if the engine has it at hand.
    public func readyRecord(_ key: Key, clientID: String) -> Record? {
        guard !isClosed.load(ordering: .acquiring), case .record(let record) = engine.readyRecord(key), record.isLive,
            record.lockToken == .zero
        else { return nil }
        noteAccess(to: record, by: clientID)
        return record
    }

    /// Finds the live record of a key, and calls `answer` with it.
    public func get(
        _ key: Key, clientID: String, answer: @escaping @Sendable (Result<Record?, StoreError>) -> Void
    ) {
        do throws(StoreError) {
            try checkOpen()
            try key.check(options.limits)
        } catch {
            return answer(.failure(error))
        }
        reads.look(up: key) { [self] found in
            guard case .success(let record?) = found, record.isLive, record.lockToken != .zero else {
                if case .success(let record?) = found, record.isLive { noteAccess(to: record, by: clientID) }
                return answer(found.map { record in record.flatMap { $0.isLive ? $0 : nil } })
            }
            // Unstructured, as nobody is there to wait for it; a locked key that is read is rare.
            Task {
                do throws(StoreError) {
                    answer(.success(try await get(key, consistency: .linearizable, clientID: clientID)))
                } catch {
                    answer(.failure(error))
                }
            }
        }
    }
}

extension Keyspace {
    /// The live record of a key, or `nil`.
    public func get(
        _ key: Key, consistency: ReadConsistency, clientID: String
    ) async throws(StoreError) -> Record? {
        try checkOpen()
        try key.check(limits)
        let reads = reads(for: consistency)
        guard let record = try await reads.record(key), record.isLive else { return nil }
        if record.lockToken == .zero {
            noteAccess(to: record, by: clientID)
            return record
        }
        let readable = try await reads.run { (view) throws(StoreError) in
            try view.readableRecord(key, by: clientID)
        }
        if let readable { noteAccess(to: readable, by: clientID) }
        return readable
    }

    func reads(for consistency: ReadConsistency) -> ReadQueue {
        consistency == .stale ? staleReads?.queue ?? reads : reads
    }

    /// A lease, with the live keys on it if asked.
    public func lease(_ id: LeaseID, withKeys: Bool) async throws(StoreError) -> LeaseStatus? {
        try checkOpen()
        let clock = options.clock
        return try await reads.run { (view) throws(StoreError) in
            let stored = try view.leases([id])[id]
            let keys = stored == nil || withKeys ? try view.keys(on: id, limit: withKeys ? .max : 1).sorted() : []
            guard stored != nil || !keys.isEmpty else { return nil }
            let lease = stored ?? Lease(id: id, deadline: nil, duration: nil, isGranted: false)
            return LeaseStatus(lease, at: try view.time() ?? clock.now(), keys: withKeys ? keys : [])
        }
    }

    /// Leases that were granted or have a deadline.
    public func leases(from first: LeaseID, limit: Int) async throws(StoreError) -> [LeaseStatus] {
        try checkOpen()
        let clock = options.clock
        let limit = min(try limit.checkedAsLimit(), limits.pageEntries)
        return try await reads.run { (view) throws(StoreError) in
            let now = try view.time() ?? clock.now()
            return try view.leases(from: first, limit: limit).map { LeaseStatus($0, at: now, keys: []) }
        }
    }

    /// A consumer, or `nil` when none of that name has acknowledged anything.
    public func consumer(_ name: String) async throws(StoreError) -> Consumer? {
        try checkOpen()
        try Transaction.check(name: name, "consumer's name", limits)
        return try await reads.run { (view) throws(StoreError) in try view.consumer(name) }
    }

    /// The consumers by name.
    public func consumers(after name: String, limit: Int) async throws(StoreError) -> [Consumer] {
        try checkOpen()
        let limit = min(try limit.checkedAsLimit(), limits.pageEntries)
        return try await reads.run { (view) throws(StoreError) in try view.consumers(after: name, limit: limit) }
    }

    /// Where the log begins and ends.
    public func status() async throws(StoreError) -> StoreStatus {
        try checkOpen()
        let (head, time) = try await reads.run { (view) throws(StoreError) in (try view.head(), try view.time()) }
        return StoreStatus(
            headRef: head.lastRef, oldestRef: head.oldestRef, time: time ?? options.clock.now(), home: engine.name)
    }
}

extension LeaseStatus {
    init(_ lease: Lease, at now: Timestamp, keys: [Key]) {
        self.init(lease: lease, timeLeft: lease.deadline.map { max(.zero, $0 - now) }, keys: keys)
    }
}

extension Int {
    /// The number, if it can be the limit of a page.
    func checkedAsLimit() throws(StoreError) -> Int {
        guard self >= 1 else {
            throw StoreError(.invalidArgument, "a limit of \(self) is not possible; the least is 1")
        }
        return self
    }
}
