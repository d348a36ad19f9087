internal import CairnModel
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

    private struct Waiting {
        let transaction: Transaction
        let bytes: Int
        let caller: Caller
    }

    /// Who waits for an answer.
    private enum Caller: Sendable {
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
    private struct Chores: OptionSet {
        let rawValue: Int
        static let trim = Chores(rawValue: 1)
        static let forgetRequests = Chores(rawValue: 2)
    }

    private struct Queue {
        var waiting: [Waiting] = []
        var bytes = 0
        var isDraining = false
        var isClosed = false
        /// Callers of ``sweep()``, answered after the next batch.
        var sweeps: [UnsafeContinuation<Void, Never>] = []
        var chores: Chores = []
        /// Callers of ``close()``, answered when nothing waits any more.
        var closers: [UnsafeContinuation<Void, Never>] = []

        var isEmpty: Bool { waiting.isEmpty && sweeps.isEmpty && chores.isEmpty }
        var isIdle: Bool { !isDraining && isEmpty }
    }

    private let engine: any Engine
    private let clock: any WallClock
    private let limits: Limits
    private let batchLimits: BatchLimits
    private let hub: Hub
    private let gatherAnswers: @Sendable (() -> Void) -> Void
    private let logger: Logger
    private let queue = Mutex(Queue())
    /// No lease has an earlier deadline; only read and written by whoever runs a batch.
    private let nextDeadline: Mutex<Timestamp?>
    /// The time of the last batch: when the clock jumps back, the store's time waits for it.
    private let lastTime: Mutex<Timestamp>
    private let deadlineMoved: @Sendable (Timestamp?) -> Void
    private let thread = Mutex<WorkerThread?>(nil)

    /// A committer on top of `head`. `deadlineMoved` is told after a batch when the next deadline is another one.
    init(
        engine: any Engine, clock: any WallClock, limits: Limits, batchLimits: BatchLimits = .init(), hub: Hub,
        lastTime: Timestamp = Timestamp(microseconds: 0), nextDeadline: Timestamp?,
        gatherAnswers: @escaping @Sendable (() -> Void) -> Void = { $0() }, logger: Logger,
        deadlineMoved: @escaping @Sendable (Timestamp?) -> Void
    ) {
        self.engine = engine
        self.clock = clock
        self.limits = limits
        self.batchLimits = batchLimits
        self.hub = hub
        self.gatherAnswers = gatherAnswers
        self.logger = logger
        self.nextDeadline = Mutex(nextDeadline)
        self.deadlineMoved = deadlineMoved
        self.lastTime = Mutex(lastTime)
        if engine.blocks {
            let worker = WorkerThread(name: "cairn-commit") { [unowned self] in drain() }
            thread.withLock { $0 = worker }
        }
    }

    /// Commits a transaction; returns when it is durable.
    func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        let bytes = try transaction.check(limits)
        let answer = await withUnsafeContinuation { (caller: UnsafeContinuation<Answer, Never>) in
            enqueue(Waiting(transaction: transaction, bytes: bytes, caller: .task(caller)))
        }
        // Kept until here, so that its memory is freed by the thread that allocated it: the other way round costs the
        // allocator a good deal more, on both threads.
        return try withExtendedLifetime(transaction) { () throws(StoreError) in try answer.get() }
    }

    /// Commits a transaction, and calls `answer` when it is durable or refused.
    func commit(_ transaction: Transaction, answer: @escaping @Sendable (Answer) -> Void) {
        do throws(StoreError) {
            let bytes = try transaction.check(limits)
            enqueue(Waiting(transaction: transaction, bytes: bytes, caller: .function(answer)))
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

    private func enqueue(_ waiting: Waiting) {
        let refusal: StoreError? = queue.withLock { queue in
            if queue.isClosed { return .closed }
            if queue.waiting.count >= limits.waitingTransactions || queue.bytes + waiting.bytes > limits.waitingBytes {
                return StoreError(
                    .overloaded, "\(queue.waiting.count) transactions wait to be written; try again in a moment",
                    retry: .safe)
            }
            queue.waiting.append(waiting)
            queue.bytes += waiting.bytes
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

// Running batches.
extension Committer {
    private struct Work {
        var waiting: [Waiting] = []
        var sweeps: [UnsafeContinuation<Void, Never>] = []
        var chores: Chores = []

        /// The transactions, which are let go of before their callers are answered.
        mutating func takeTransactions() -> [Transaction] {
            defer { waiting = [] }
            return waiting.map(\.transaction)
        }
    }

    /// Runs batches until nothing waits, unless somebody is doing so already.
    private func drain() {
        guard
            queue.withLock({ queue in
                if queue.isDraining { return false }
                queue.isDraining = true
                return true
            })
        else { return }
        while var work = takeWork() {
            let callers = work.waiting.map(\.caller)
            let answers = commitBatch(work.takeTransactions())
            gatherAnswers {
                for (caller, answer) in zip(callers, answers) { caller.receive(answer) }
            }
            hub.deliver()
            run(work.chores)
            for caller in work.sweeps { caller.resume() }
        }
    }

    private func run(_ chores: Chores) {
        do throws(StoreError) {
            if chores.contains(.forgetRequests) {
                try run(at: clock.now()) { (batch) throws(StoreError) in batch.forgetOldRequests() }
            }
            // A piece at a time: what is left is taken up again, after the writes that wait.
            if chores.contains(.trim), try engine.trim() {
                queue.withLock { queue in if !queue.isClosed { queue.chores.insert(.trim) } }
            }
        } catch {
            logger.error("upkeep failed", metadata: ["error": "\(error)"])
        }
    }

    private func takeWork() -> Work? {
        var closers: [UnsafeContinuation<Void, Never>] = []
        defer { for closer in closers { closer.resume() } }
        return queue.withLock { queue in
            guard !queue.isEmpty else {
                queue.isDraining = false
                swap(&closers, &queue.closers)
                return nil
            }
            var work = Work()
            swap(&work.sweeps, &queue.sweeps)
            swap(&work.chores, &queue.chores)
            var bytes = 0
            var count = 0
            for waiting in queue.waiting {
                if count > 0, count >= batchLimits.transactions || bytes + waiting.bytes > batchLimits.bytes { break }
                bytes += waiting.bytes
                count += 1
            }
            if count == queue.waiting.count {
                swap(&work.waiting, &queue.waiting)
            } else {
                work.waiting = Array(queue.waiting[..<count])
                queue.waiting.removeFirst(count)
            }
            queue.bytes -= bytes
            return work
        }
    }

    /// Commits transactions as one batch. If the home refuses the batch, each is tried by itself, so that one that
    /// can't be stored doesn't take others with it.
    private func commitBatch(_ transactions: [Transaction]) -> [Answer] {
        do throws(StoreError) {
            // One moment for both, so that no transaction meets a lease that is due.
            let now = max(clock.now(), lastTime.withLock { $0 })
            while try expireDueLeases(at: now) {}
            return try commitOnce(transactions, at: now)
        } catch {
            logger.error("batch failed", metadata: ["error": "\(error)", "transactions": "\(transactions.count)"])
            if transactions.count > 1, error.retry != .unknownOutcome, error.code != .closed {
                return transactions.map { commitBatch([$0])[0] }
            }
            return transactions.map { _ in .failure(error) }
        }
    }

    /// Expires a batch of the leases that are due. Returns whether there may be more.
    private func expireDueLeases(at now: Timestamp) throws(StoreError) -> Bool {
        guard let deadline = nextDeadline.withLock({ $0 }), deadline <= now else { return false }
        var more = false
        try run(at: now) { (batch) throws(StoreError) in more = try batch.expireDueLeases() }
        if !more { try readNextDeadline() }
        return more
    }

    private func commitOnce(_ transactions: [Transaction], at now: Timestamp) throws(StoreError) -> [Answer] {
        let isShared = engine.mayHaveForeignChanges()
        if transactions.isEmpty, !isShared { return [] }
        var answers: [Answer] = []
        try run(at: now) { (batch) throws(StoreError) in
            answers = try batch.decide(transactions)
        }
        // Another process may have made a lease that ends earlier than any we know of.
        if isShared { try readNextDeadline() }
        return answers
    }

    /// Runs one batch and tells the hub of its events, and of events that another process has committed before it.
    private func run(
        at now: Timestamp, _ decide: (inout Batch) throws(StoreError) -> Void
    ) throws(StoreError) {
        var committed: Changes?
        var foreign = Hub.Foreign.none
        try engine.commit { (view) throws(StoreError) in
            foreign = try hub.foreignEvents(in: view)
            var batch = try Batch(view: view, now: now, limits: limits)
            try decide(&batch)
            committed = batch.changes
            return committed
        }
        if let time = committed?.head.time { lastTime.withLock { $0 = time } }
        hub.note(foreign, thenOwn: committed)
        noteDeadlines(of: committed)
    }

    private func noteDeadlines(of changes: Changes?) {
        guard let changes, !changes.leases.isEmpty else { return }
        guard let earliest = changes.leases.values.compactMap({ $0?.deadline }).min() else { return }
        let moved = nextDeadline.withLock { next in
            if let current = next, current <= earliest { return false }
            next = earliest
            return true
        }
        if moved { deadlineMoved(earliest) }
    }

    private func readNextDeadline() throws(StoreError) {
        let next = try engine.read { (view) throws(StoreError) in try view.nextDeadline() }
        nextDeadline.withLock { $0 = next }
        deadlineMoved(next)
    }
}

extension StoreError {
    /// The store is closed.
    static let closed = StoreError(.closed, "the store is closed")
}
