internal import CairnModel
internal import Dispatch
internal import Synchronization

// What waits for a batch.
extension Committer {
    struct Waiting {
        let transaction: Transaction
        let bytes: Int
        let caller: Caller
        /// The traced call that it was made by.
        let trace: TraceContext?
    }

    /// Who waits for an answer.
    enum Caller: Sendable {
        case task(Ticket)
        case function(@Sendable (Answer) -> Void, isWanted: (@Sendable () -> Bool)?)

        /// Whether somebody still waits for the answer.
        var isWanted: Bool {
            if case .function(_, let isWanted?) = self { isWanted() } else { true }
        }

        func receive(_ answer: Answer) {
            switch self {
            case .task(let ticket): ticket.caller?.resume(returning: answer)
            case .function(let function, _): function(answer)
            }
        }
    }

    /// A task that waits: it is answered by the batch, or when it is cancelled before that begins.
    final class Ticket: @unchecked Sendable {
        // Unchecked, as all of it is only touched under the queue's lock until it is taken into a batch; from then on
        // by the one who runs that.
        //
        // An unsafe continuation costs less than a checked one; it is resumed once: by who has taken the ticket, or by
        // the cancellation, which takes it away from here.
        fileprivate(set) var caller: UnsafeContinuation<Answer, Never>?
        fileprivate var isCancelled = false
        fileprivate var isTaken = false

        /// Whether there is nobody to be answered any more.
        fileprivate var isVoid: Bool { caller == nil }
    }

    struct Queue {
        var waiting: [Waiting] = []
        var bytes = 0
        /// How many of those that wait were cancelled.
        var cancelled = 0
        /// Whether something waits that isn't done in a moment.
        var isHeavy = false
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

        mutating func add(_ chores: Chores) {
            self.chores.formUnion(chores)
            if !chores.isDisjoint(with: [.expire, .trim, .forgetRequests]) { isHeavy = true }
        }

        /// Lets go of those that were cancelled, once they are the most.
        mutating func forgetCancelled() {
            guard cancelled > 1_000, cancelled > waiting.count / 2 else { return }
            waiting.removeAll { waiting in
                guard case .task(let ticket) = waiting.caller, ticket.isVoid else { return false }
                bytes -= waiting.bytes
                return true
            }
            cancelled = 0
        }
    }

    struct Work {
        var waiting: [Waiting] = []
        var sweeps: [UnsafeContinuation<Void, Never>] = []
        var chores: Chores = []
    }

    /// What there is to do.
    enum NextWork {
        case batch(Work)
        /// More than a caller does for others.
        case tooMuch
        case nothing
    }

    func enqueue(
        _ transaction: Transaction, _ bytes: Int, _ caller: Caller,
        _ continuation: UnsafeContinuation<Answer, Never>? = nil
    ) {
        let trace = tracing == nil ? nil : TraceContext.current
        let waiting = Waiting(transaction: transaction, bytes: bytes, caller: caller, trace: trace)
        let isHeavy = transaction.weight > Transaction.mostForCaller
        let refusal: StoreError? = queue.withLock { queue in
            if queue.isClosed { return .closed }
            let count = queue.waiting.count - queue.cancelled
            if count >= limits.waitingTransactions || queue.bytes + bytes > limits.waitingBytes {
                return StoreError(
                    .overloaded, "\(count) transactions wait to be written; try again in a moment", retry: .safe)
            }
            if case .task(let ticket) = caller {
                if ticket.isCancelled { return .cancelledBefore }
                ticket.caller = continuation
            }
            queue.waiting.append(waiting)
            queue.bytes += bytes
            if isHeavy { queue.isHeavy = true }
            if let count = queue.wakesAt, queue.waiting.count >= count {
                queue.wakesAt = nil
                gathered.signal()
            }
            return nil
        }
        guard let refusal else { return start() }
        if let continuation { return continuation.resume(returning: .failure(refusal)) }
        caller.receive(.failure(refusal))
    }

    /// The task has been cancelled. If its batch hasn't begun it is answered now.
    func cancel(_ ticket: Ticket) {
        let caller = queue.withLock { queue -> UnsafeContinuation<Answer, Never>? in
            ticket.isCancelled = true
            guard !ticket.isTaken, let caller = ticket.caller else { return nil }
            ticket.caller = nil
            queue.cancelled += 1
            queue.forgetCancelled()
            return caller
        }
        caller?.resume(returning: .failure(.cancelledBefore))
    }

    /// What fits into the next batch. With `time`, that a caller has worked, only as much as a caller does.
    func takeWork(after time: Duration?) -> NextWork {
        var closers: [UnsafeContinuation<Void, Never>] = []
        defer { for closer in closers { closer.resume() } }
        return queue.withLock { queue in
            guard !queue.isEmpty else {
                queue.isDraining = false
                queue.isHeavy = false
                swap(&closers, &queue.closers)
                return .nothing
            }
            if let time, queue.isHeavy || time > batchLimits.callerTime { return .tooMuch }
            var work = Work()
            swap(&work.sweeps, &queue.sweeps)
            swap(&work.chores, &queue.chores)
            take(&queue, into: &work)
            return .batch(work)
        }
    }

    private func take(_ queue: inout Queue, into work: inout Work) {
        var (count, bytes, operations, cancelled) = (0, 0, 0, 0)
        for waiting in queue.waiting {
            let weight = waiting.transaction.weight
            if count > cancelled,
                count - cancelled >= batchLimits.transactions || bytes + waiting.bytes > batchLimits.bytes
                    || operations + weight > batchLimits.operations
            {
                break
            }
            bytes += waiting.bytes
            count += 1
            if case .task(let ticket) = waiting.caller {
                if ticket.isVoid {
                    cancelled += 1
                    continue
                }
                ticket.isTaken = true
            }
            operations += weight
        }
        if count == queue.waiting.count {
            swap(&work.waiting, &queue.waiting)
        } else {
            work.waiting = Array(queue.waiting[..<count])
            queue.waiting.removeFirst(count)
        }
        queue.bytes -= bytes
        guard cancelled > 0 else { return }
        queue.cancelled -= cancelled
        work.waiting.removeAll { if case .task(let ticket) = $0.caller { ticket.isVoid } else { false } }
    }

    /// The home stayed away for as long as its patience lasts, while these waited as well: they are told now. Would
    /// each batch wait anew, the last of them waited for as many patiences as there are batches.
    func refuseWaiting(_ error: StoreError) {
        let waiting = queue.withLock { queue in
            var waiting: [Waiting] = []
            swap(&waiting, &queue.waiting)
            (queue.bytes, queue.cancelled) = (0, 0)
            for case .task(let ticket) in waiting.map(\.caller) { ticket.isTaken = true }
            return waiting
        }
        if waiting.isEmpty { return }
        var error = error
        error.retry = .safe
        error.message = "nothing was changed by this call, which waited behind one that failed: \(error.message)"
        gatherAnswers {
            for one in waiting { one.caller.receive(.failure(error)) }
        }
    }

    /// Puts what a batch had no time for back to where it was.
    func putBack(_ rest: ArraySlice<Waiting>) {
        let cancelled = queue.withLock { queue in
            var cancelled: [Caller] = []
            var others: [Waiting] = []
            for waiting in rest {
                if case .task(let ticket) = waiting.caller {
                    if ticket.isCancelled {
                        cancelled.append(waiting.caller)
                        continue
                    }
                    ticket.isTaken = false
                }
                others.append(waiting)
                queue.bytes += waiting.bytes
                if waiting.transaction.weight > Transaction.mostForCaller { queue.isHeavy = true }
            }
            queue.waiting.insert(contentsOf: others, at: 0)
            return cancelled
        }
        for caller in cancelled { caller.receive(.failure(.cancelledBefore)) }
    }
}

extension Transaction {
    /// What a transaction may weigh that a caller runs itself.
    static let mostForCaller = 64

    /// How much work it is, about: operations, of which those that end lists of keys count for many.
    var weight: Int {
        operations.count + otherwise.count + (endsLists ? 4 * Transaction.mostForCaller : 0)
    }
}

extension StoreError {
    /// The caller gave up before anything was done.
    static let cancelledBefore = StoreError(
        .cancelled, "the call was given up before its transaction began; nothing was changed", retry: .safe)
}
