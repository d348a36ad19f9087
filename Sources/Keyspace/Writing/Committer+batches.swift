internal import CairnModel
internal import Dispatch
internal import Logging
internal import Synchronization

// Running batches.
extension Committer {
    /// Runs batches until nothing waits, unless somebody is doing so already. A caller does so for a moment only.
    func drain() {
        guard
            queue.withLock({ queue in
                if queue.isDraining { return false }
                queue.isDraining = true
                return true
            })
        else { return }
        runBatches(for: engine.blocks ? nil : batchLimits.callerTime)
    }

    /// Runs batches until nothing waits; with `callerTime` until there is more to do than a caller should.
    func runBatches(for callerTime: Duration?) {
        var worked = Duration.zero
        while true {
            if queue.withLock({ $0.waiting.isEmpty }) { engine.rest() }
            if engine.gathersBatches { gather() }
            switch takeWork(after: callerTime == nil ? nil : worked) {
            case .nothing: return
            case .tooMuch: return handOver()
            case .batch(var work): worked += run(&work)
            }
        }
    }

    /// Runs a batch, answers its callers, and does what is to be done besides. Returns how long the batch took.
    private func run(_ work: inout Work) -> Duration {
        var waiting: [Waiting] = []
        swap(&waiting, &work.waiting)
        refuseUnwanted(&waiting)
        let traced = tracing.map { (calls: waiting.compactMap(\.trace), start: $0.begin()) }
        let start = ContinuousClock.now
        let answers = commitBatch(waiting.map(\.transaction), follows: work.chores.contains(.follow))
        let took = ContinuousClock.now - start
        if answers.count < waiting.count {
            putBack(waiting[answers.count...])
            waiting.removeLast(waiting.count - answers.count)
        }
        noteBatch(waiting.count, took: took)
        if let traced {
            tracing?.end(traced.start, took: took, transactions: waiting.count, calls: traced.calls)
        }
        let callers = waiting.map(\.caller)
        // The transactions are let go of before their callers are answered.
        waiting = []
        gatherAnswers {
            for (caller, answer) in zip(callers, answers) { caller.receive(answer) }
        }
        readForeign()
        hub.deliver()
        run(work.chores, afterCallers: !callers.isEmpty)
        for caller in work.sweeps { caller.resume() }
        return took
    }

    /// Answers those whose caller has given up meanwhile, and takes them out.
    private func refuseUnwanted(_ waiting: inout [Waiting]) {
        var unwanted: [Caller] = []
        for index in waiting.indices.reversed() where !waiting[index].caller.isWanted {
            unwanted.append(waiting.remove(at: index).caller)
        }
        if unwanted.isEmpty { return }
        gatherAnswers {
            for caller in unwanted { caller.receive(.failure(.cancelledBefore)) }
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
            if error.code == .unavailable { refuseWaiting(error) }
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

    /// Commits transactions, after the leases that are due. If those are many, only a piece of them; the others follow
    /// in batches of their own, one after each batch of callers.
    func commitOnce(_ transactions: [Transaction]) throws(StoreError) -> [Answer] {
        let isShared = engine.mayHaveForeignChanges(since: hub.head)
        var answers: [Answer] = []
        var hasExpired = false
        var isBehind = false
        try run { (batch) throws(StoreError) in
            let (next, wasBehind) = deadlines.withLock { ($0.next, $0.isBehind) }
            hasExpired = try batch.isDue(knownDeadline: next)
            if hasExpired {
                // What is due already has its own batches, and callers don't wait for it.
                batch.isBehind = wasBehind
                if !wasBehind || transactions.isEmpty { try batch.expireDue() }
            }
            answers = try batch.decide(transactions, patience: batchLimits.time)
            isBehind = batch.isBehind
        }
        deadlines.withLock { $0.isBehind = isBehind }
        if isBehind, engine.isOnDuty {
            queue.withLock { queue in if !queue.isClosed { queue.add(.expire) } }
        }
        // Another process may have made a lease that ends earlier than any we know of.
        if hasExpired || isShared && !deadlines.withLock({ $0.areTold }) { try readNextDeadline() }
        return answers
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

    func run(_ chores: Chores, afterCallers: Bool) {
        do throws(StoreError) {
            // A batch without callers has just done so.
            if chores.contains(.expire), afterCallers {
                _ = try commitOnce([])
                hub.deliver()
            }
            if chores.contains(.forgetRequests) {
                try run { (batch) throws(StoreError) in batch.forgetOldRequests() }
            }
            // A piece at a time: what is left is taken up again, after the writes that wait.
            if chores.contains(.trim), try engine.trim() {
                queue.withLock { queue in if !queue.isClosed { queue.add(.trim) } }
            }
        } catch {
            logger.error("upkeep failed", metadata: ["error": "\(error)"])
        }
    }
}
