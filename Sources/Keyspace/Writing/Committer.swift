internal import CairnModel
internal import Dispatch
internal import Logging
internal import Synchronization

/// Group commit: callers' transactions queue; all that wait are decided in order and made durable with one commit.
///
/// While a batch is being committed the next one gathers, so under light load a write costs one commit, and under
/// heavy load many writes share one. A caller is answered when its change is durable. For an engine that blocks,
/// batches run on a thread of their own; for any other, the caller that finds nobody at work runs them itself, but only
/// for a moment, and only small ones: the rest it leaves to a thread, as it may be an event loop that others need.
final class Committer: Sendable {
    typealias Answer = Result<TransactionResult, StoreError>

    /// What a batch may hold besides its first transaction.
    struct BatchLimits: Sendable {
        var transactions = 1_024
        var bytes = 8 << 20
        /// Operations; one that ends a list of keys counts for many.
        var operations = 4_096
        /// What isn't decided by then goes into the next one.
        var time = Duration.milliseconds(10)
        /// How long a caller works for others.
        var callerTime = Duration.milliseconds(2)
    }

    /// What is done between batches.
    struct Chores: OptionSet {
        let rawValue: Int
        static let trim = Chores(rawValue: 1)
        static let forgetRequests = Chores(rawValue: 2)
        static let follow = Chores(rawValue: 4)
        /// Ends a piece of what is due.
        static let expire = Chores(rawValue: 8)
    }

    let engine: any Engine
    let clock: any WallClock
    let limits: Limits
    let batchLimits: BatchLimits
    let hub: Hub
    let gatherAnswers: @Sendable (() -> Void) -> Void
    let logger: Logger
    let metrics: KeyspaceMetrics
    let tracing: BatchTracing?
    let queue = Mutex(Queue())
    let deadlines: Mutex<Deadlines>
    /// Told the events of each batch before its callers are answered, if there is anyone to be told.
    let committed: (@Sendable ([Event]) -> Void)?
    let deadlineMoved: @Sendable (Timestamp?) -> Void
    /// The engine's ``Engine/continuity`` when the log was last known to be the one we know.
    let continuity: Atomic<Int>
    private let thread = Mutex<WorkerThread?>(nil)
    /// What is known of the last batch. Only used by whoever runs batches.
    let gathering = Mutex(Gathering())
    /// Wakes the thread that gathers.
    let gathered = DispatchSemaphore(value: 0)

    /// A committer on top of `head`. `deadlineMoved` is told after a batch when the next deadline is another one, by
    /// the clock of this process.
    init(
        engine: any Engine, clock: any WallClock, limits: Limits, batchLimits: BatchLimits = .init(), hub: Hub,
        lastTime: Timestamp = Timestamp(microseconds: 0), nextDeadline: Timestamp?,
        gatherAnswers: @escaping @Sendable (() -> Void) -> Void = { $0() }, logger: Logger,
        metrics: KeyspaceMetrics = .none, tracer: (any Tracer)? = nil,
        committed: (@Sendable ([Event]) -> Void)? = nil,
        deadlineMoved: @escaping @Sendable (Timestamp?) -> Void
    ) {
        self.engine = engine
        self.clock = clock
        self.limits = limits
        self.batchLimits = batchLimits
        self.hub = hub
        self.gatherAnswers = gatherAnswers
        self.logger = logger
        self.metrics = metrics
        tracing = tracer.map { BatchTracing($0, clock: clock) }
        self.committed = committed
        self.deadlineMoved = deadlineMoved
        deadlines = Mutex(Deadlines(next: nextDeadline, lastTime: lastTime))
        continuity = Atomic(engine.continuity)
        if engine.blocks { thread.withLock { $0 = makeThread() } }
    }

    /// Commits a transaction; returns when it is durable.
    ///
    /// When the task is cancelled before the batch begins, nothing is done, and it throws
    /// ``CairnModel/StoreError/Code/cancelled`` at once.
    func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        let bytes = try transaction.check(limits)
        let ticket = Ticket()
        // Unsafe as told at ``Ticket/caller``.
        let answer = await withTaskCancellationHandler {
            await withUnsafeContinuation { (caller: UnsafeContinuation<Answer, Never>) in
                enqueue(transaction, bytes, .task(ticket), caller)
            }
        } onCancel: {
            cancel(ticket)
        }
        // Kept until here, so that its memory is freed by the thread that allocated it: the other way round costs the
        // allocator a good deal more, on both threads.
        return try withExtendedLifetime(transaction) { () throws(StoreError) in try answer.get() }
    }

    /// Commits a transaction, and calls `answer` when it is durable or refused. `isWanted` is asked when its batch
    /// begins: if it isn't any more, nothing is done.
    func commit(
        _ transaction: Transaction, isWanted: (@Sendable () -> Bool)? = nil,
        answer: @escaping @Sendable (Answer) -> Void
    ) {
        do throws(StoreError) {
            let bytes = try transaction.check(limits)
            enqueue(transaction, bytes, .function(answer, isWanted: isWanted))
        } catch {
            answer(.failure(error))
        }
    }

    /// How many transactions wait for a batch.
    var waitingCount: Int { queue.withLock { $0.waiting.count } }

    /// Whether new transactions are refused.
    var isClosed: Bool { queue.withLock { $0.isClosed } }

    /// Runs a batch now, even an empty one: expires what is due, and takes notice of what other processes have written.
    func sweep() async { await runBatch(with: []) }

    /// Takes notice of what other processes have written, and of the deadlines they have set.
    func follow() async { await runBatch(with: .follow) }

    /// Frees room that compaction has released, between batches.
    func trim() async { await runBatch(with: .trim) }

    /// Lets the home forget request ids that are past their window.
    func forgetOldRequests() async { await runBatch(with: .forgetRequests) }

    private func runBatch(with chores: Chores) async {
        // Unsafe as in `Waiting`: resumed once, here or after the batch.
        await withUnsafeContinuation { (caller: UnsafeContinuation<Void, Never>) in
            let isClosed = queue.withLock { queue in
                if !queue.isClosed {
                    queue.sweeps.append(caller)
                    queue.add(chores)
                }
                return queue.isClosed
            }
            if isClosed { caller.resume() } else { start() }
        }
    }

    /// Refuses what comes from now on, and waits for what has come before.
    func close() async {
        await withUnsafeContinuation { (caller: UnsafeContinuation<Void, Never>) in
            // Resumed here, or by whoever is committing when nothing waits any more.
            let isIdle = queue.withLock { queue in
                queue.isClosed = true
                if queue.isIdle { return true }
                queue.closers.append(caller)
                return false
            }
            if isIdle { caller.resume() }
        }
        let worker = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let worker else { return }
        await BlockingCall.run(name: "cairn-close") { worker.stop() }
    }

    func start() {
        guard engine.blocks else { return drain() }
        thread.withLock { $0 }?.wake()
    }

    /// Has a thread go on with what the caller has begun; made when it is needed for the first time.
    func handOver() {
        let worker = thread.withLock { thread in
            if thread == nil { thread = makeThread() }
            return thread
        }
        worker?.wake()
    }

    private func makeThread() -> WorkerThread {
        let blocks = engine.blocks
        return WorkerThread(name: "cairn-commit") { [unowned self] in
            if blocks { drain() } else { runBatches(for: nil) }
        }
    }
}

extension StoreError {
    /// The store is closed.
    static let closed = StoreError(.closed, "the store is closed")
}
