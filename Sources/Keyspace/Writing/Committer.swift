internal import CairnModel
internal import Dispatch
internal import Logging
internal import Synchronization

/// Group commit: callers' transactions queue; all that wait are decided in order and made durable with one commit.
///
/// While a batch is being committed the next one gathers, so under light load a write costs one commit, and under
/// heavy load many writes share one. A caller is answered when its change is durable. For an engine that blocks,
/// batches run on a thread of their own; for any other, the caller that finds nobody at work runs them itself.
final class Committer: Sendable {
    typealias Answer = Result<TransactionResult, StoreError>

    /// What a batch may hold besides its first transaction.
    struct BatchLimits: Sendable {
        var transactions = 1_024
        var bytes = 8 << 20
    }

    struct Waiting {
        let transaction: Transaction
        let bytes: Int
        let caller: Caller
        /// The traced call that it was made by.
        let trace: TraceContext?
    }

    /// Who waits for an answer.
    enum Caller: Sendable {
        // Unsafe continuations cost less than checked ones; each is resumed once, where its batch ends or in `enqueue`.
        case task(UnsafeContinuation<Answer, Never>)
        case function(@Sendable (Answer) -> Void)

        func receive(_ answer: Answer) {
            switch self {
            case .task(let continuation): continuation.resume(returning: answer)
            case .function(let function): function(answer)
            }
        }
    }

    /// What is done between batches.
    struct Chores: OptionSet {
        let rawValue: Int
        static let trim = Chores(rawValue: 1)
        static let forgetRequests = Chores(rawValue: 2)
        static let follow = Chores(rawValue: 4)
    }

    struct Queue {
        var waiting: [Waiting] = []
        var bytes = 0
        var isDraining = false
        /// How many must wait for the thread that gathers to be woken; `nil` when it doesn't sleep.
        var wakesAt: Int?
        var isClosed = false
        /// Callers of ``sweep()``, answered after the next batch.
        var sweeps: [UnsafeContinuation<Void, Never>] = []
        var chores: Chores = []
        /// Callers of ``close()``, answered when nothing waits any more.
        var closers: [UnsafeContinuation<Void, Never>] = []

        var isEmpty: Bool { waiting.isEmpty && sweeps.isEmpty && chores.isEmpty }
        var isIdle: Bool { !isDraining && isEmpty }
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
        if engine.blocks {
            let worker = WorkerThread(name: "cairn-commit") { [unowned self] in drain() }
            thread.withLock { $0 = worker }
        }
    }

    /// Commits a transaction; returns when it is durable.
    func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        let bytes = try transaction.check(limits)
        let answer = await withUnsafeContinuation { (caller: UnsafeContinuation<Answer, Never>) in
            enqueue(transaction, bytes, .task(caller))
        }
        // Kept until here, so that its memory is freed by the thread that allocated it: the other way round costs the
        // allocator a good deal more, on both threads.
        return try withExtendedLifetime(transaction) { () throws(StoreError) in try answer.get() }
    }

    /// Commits a transaction, and calls `answer` when it is durable or refused.
    func commit(_ transaction: Transaction, answer: @escaping @Sendable (Answer) -> Void) {
        do throws(StoreError) {
            let bytes = try transaction.check(limits)
            enqueue(transaction, bytes, .function(answer))
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
                    queue.chores.formUnion(chores)
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

    private func enqueue(_ transaction: Transaction, _ bytes: Int, _ caller: Caller) {
        let trace = tracing == nil ? nil : TraceContext.current
        let waiting = Waiting(transaction: transaction, bytes: bytes, caller: caller, trace: trace)
        let refusal: StoreError? = queue.withLock { queue in
            if queue.isClosed { return .closed }
            if queue.waiting.count >= limits.waitingTransactions || queue.bytes + waiting.bytes > limits.waitingBytes {
                return StoreError(
                    .overloaded, "\(queue.waiting.count) transactions wait to be written; try again in a moment",
                    retry: .safe)
            }
            queue.waiting.append(waiting)
            queue.bytes += waiting.bytes
            if let count = queue.wakesAt, queue.waiting.count >= count {
                queue.wakesAt = nil
                gathered.signal()
            }
            return nil
        }
        if let refusal { return waiting.caller.receive(.failure(refusal)) }
        start()
    }

    private func start() {
        guard engine.blocks else { return drain() }
        thread.withLock { $0 }?.wake()
    }
}

extension StoreError {
    /// The store is closed.
    static let closed = StoreError(.closed, "the store is closed")
}
