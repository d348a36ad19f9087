internal import CairnModel
internal import Dispatch
internal import Logging
internal import Synchronization

// Running batches.
extension Committer {
    struct Work {
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
    func drain() {
        guard
            queue.withLock({ queue in
                if queue.isDraining { return false }
                queue.isDraining = true
                return true
            })
        else { return }
        while true {
            if queue.withLock({ $0.waiting.isEmpty }) { engine.rest() }
            if engine.gathersBatches { gather() }
            guard var work = takeWork() else { return }
            let callers = work.waiting.map(\.caller)
            let traced = tracing.map { (calls: work.waiting.compactMap(\.trace), start: $0.begin()) }
            let start = ContinuousClock.now
            let answers = commitBatch(work.takeTransactions(), follows: work.chores.contains(.follow))
            let took = ContinuousClock.now - start
            noteBatch(callers.count, took: took)
            if let traced {
                tracing?.end(traced.start, took: took, transactions: callers.count, calls: traced.calls)
            }
            gatherAnswers {
                for (caller, answer) in zip(callers, answers) { caller.receive(answer) }
            }
            readForeign()
            hub.deliver()
            run(work.chores)
            for caller in work.sweeps { caller.resume() }
        }
    }

    /// Waits until there are as many as make a batch, but not for long, and not while there is something else to do.
    private func gather() {
        let (target, patience) = gathering.withLock { ($0.target, $0.patience) }
        let mustWait = queue.withLock { queue in
            guard !queue.waiting.isEmpty, queue.waiting.count < target, queue.sweeps.isEmpty, !queue.isClosed else {
                return false
            }
            queue.wakesAt = target
            return true
        }
        guard mustWait, gathered.wait(timeout: .now() + patience.dispatchInterval) == .timedOut else { return }
        let wasWoken = queue.withLock { queue in
            defer { queue.wakesAt = nil }
            return queue.wakesAt == nil
        }
        // It was woken after all, just now.
        if wasWoken { gathered.wait() }
    }

    private func noteBatch(_ transactions: Int, took duration: Duration) {
        guard transactions > 0 else { return }
        metrics.batchEnded(transactions: transactions, took: duration)
        guard engine.gathersBatches else { return }
        let waiting = queue.withLock { $0.waiting.count }
        gathering.withLock { $0.note(transactions: transactions, waiting: waiting, took: duration) }
    }

    func takeWork() -> Work? {
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
    func commitBatch(_ transactions: [Transaction], follows: Bool = false) -> [Answer] {
        do throws(StoreError) {
            if transactions.isEmpty {
                try followIfNeeded(always: follows)
                guard isSweepDue else { return [] }
            }
            return try commitOnce(transactions)
        } catch {
            metrics.batchFailed(error.code)
            tracing?.failed(error.code)
            logger.error("batch failed", metadata: ["error": "\(error)", "transactions": "\(transactions.count)"])
            if error.code == .logWentBack {
                restart(error)
                return commitBatch(transactions, follows: follows)
            }
            if transactions.count > 1, error.retry != .unknownOutcome, error.code != .closed, error.code != .unavailable
            {
                return transactions.map { commitBatch([$0])[0] }
            }
            return transactions.map { _ in .failure(error) }
        }
    }

    /// Commits transactions, after the leases that are due. If those are many they fill batches of their own first, so
    /// that no transaction ever meets a lease whose deadline has passed.
    func commitOnce(_ transactions: [Transaction]) throws(StoreError) -> [Answer] {
        let isShared = engine.mayHaveForeignChanges(since: hub.head)
        while true {
            var answers: [Answer]?
            var hasExpired = false
            try run { (batch) throws(StoreError) in
                answers = nil
                hasExpired = try batch.isDue(knownDeadline: deadlines.withLock { $0.next })
                if hasExpired, try batch.expireDue() { return }
                answers = try batch.decide(transactions)
            }
            // Another process may have made a lease that ends earlier than any we know of.
            if hasExpired || isShared && !deadlines.withLock({ $0.areTold }) { try readNextDeadline() }
            if let answers { return answers }
        }
    }

    /// Runs one batch and tells the hub of its events, and of events that another process has committed before it.
    func run(_ decide: (inout Batch) throws(StoreError) -> Void) throws(StoreError) {
        var committed: Changes?
        var foreign = Ref.zero
        var home: (time: Timestamp, deadline: Timestamp?)?
        try engine.commit(isFollowed: { queue.withLock { !$0.waiting.isEmpty } }) { (view) throws(StoreError) in
            let head = try view.head()
            try checkContinuity(in: view, head)
            foreign = head.lastRef
            home = try view.time().map { (time) throws(StoreError) in (time, try view.nextDeadline()) }
            var batch = try Batch(view: view, now: clock.now(), limits: limits)
            try decide(&batch)
            committed = batch.changes
            return committed
        }
        hub.note(foreignUpTo: foreign, thenOwn: committed)
        if let committed {
            metrics.stored(committed.events)
            tracing?.stored(committed.events.count)
            self.committed?(committed.events)
        }
        noteDeadlines(home, after: committed)
    }

    func run(_ chores: Chores) {
        do throws(StoreError) {
            if chores.contains(.forgetRequests) {
                try run { (batch) throws(StoreError) in batch.forgetOldRequests() }
            }
            // A piece at a time: what is left is taken up again, after the writes that wait.
            if chores.contains(.trim), try engine.trim() {
                queue.withLock { queue in if !queue.isClosed { queue.chores.insert(.trim) } }
            }
        } catch {
            logger.error("upkeep failed", metadata: ["error": "\(error)"])
        }
    }
}
