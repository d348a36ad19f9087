import NIOCore
import Synchronization

/// Work that waits to run on a loop.
enum LoopWork {
    case job(UnownedJob)
    case action(@Sendable () -> Void)
}

/// Runs Swift tasks on one event loop, and wakes the loop once for a batch of work rather than once for each.
///
/// Work handed over from other threads collects in an array under a lock; only the first one of a batch calls
/// `EventLoop.execute`, which costs a system call. Work handed over on the loop itself collects in an array of its own
/// without a lock, and runs when the channel handler that is being called returns to ``runLocal()``, or in the loop's
/// next turn. Nothing runs inside `enqueue`, as its caller may be in the middle of a change of state.
///
/// What is written in a batch is flushed when the batch is over, through ``flushAtEnd(_:)``.
// Unchecked: `local`, `pendingFlushes` and `isDraining` are touched only on the event loop; the rest is in the Mutex.
final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    fileprivate struct Remote {
        var work: [LoopWork] = []
        var isScheduled = false
        /// How many are gathering work; the loop is woken when the last is done.
        var gatherers = 0
    }

    let eventLoop: any EventLoop
    /// Counts what lives on the loops that this one belongs to.
    let live: LiveObjects
    private let remote = Mutex(Remote())
    private var local: [LoopWork] = []
    private var isLocalScheduled = false
    private var isDraining = false
    private var isBatching = false
    private var pendingFlushes: [any LoopFlushable] = []

    init(eventLoop: any EventLoop, live: LiveObjects) {
        self.eventLoop = eventLoop
        self.live = live
    }

    func enqueue(_ job: consuming ExecutorJob) { submit(.job(UnownedJob(job))) }

    /// Runs `action` on the loop, in a batch.
    func perform(_ action: @escaping @Sendable () -> Void) { submit(.action(action)) }

    private func submit(_ work: LoopWork) {
        if eventLoop.inEventLoop {
            local.append(work)
            if !isDraining, !isBatching { scheduleLocal() }
        } else {
            let mustSchedule = remote.withLock { state in
                state.work.append(work)
                return state.mustSchedule()
            }
            if mustSchedule { eventLoop.execute { self.runRemote() } }
        }
    }

    /// Lets what is handed over from other threads wait until ``endGathering()``, from any thread.
    func beginGathering() { remote.withLock { $0.gatherers += 1 } }

    /// Wakes the loop for all that was gathered.
    func endGathering() {
        let mustSchedule = remote.withLock { state in
            state.gatherers -= 1
            return state.mustSchedule()
        }
        if mustSchedule { eventLoop.execute { self.runRemote() } }
    }

    /// Starts a batch that the caller ends with ``runLocal()`` before it returns to the loop.
    func beginBatch() { isBatching = true }

    /// Runs what was handed over on the loop, until nothing is left, and then flushes.
    func runLocal() {
        guard !isDraining else { return }
        isBatching = false
        isDraining = true
        runLocalWork()
        flush()
        isDraining = false
    }

    /// Has `flushable` flushed when the current batch is over. On the loop only.
    func flushAtEnd(_ flushable: any LoopFlushable) {
        pendingFlushes.append(flushable)
        if !isDraining, !isBatching { scheduleLocal() }
    }

    private func scheduleLocal() {
        guard !isLocalScheduled else { return }
        isLocalScheduled = true
        eventLoop.execute { self.runScheduledLocal() }
    }

    private func runScheduledLocal() {
        isLocalScheduled = false
        runLocal()
    }

    private func runRemote() {
        let work = remote.withLock { state in
            state.isScheduled = false
            let work = state.work
            state.work = []
            state.work.reserveCapacity(work.count)
            return work
        }
        let wasDraining = isDraining
        isDraining = true
        for item in work { run(item) }
        isDraining = wasDraining
        runLocal()
    }

    /// Runs local work in rounds; what is left after many rounds waits for the loop's next turn, so that tasks that
    /// keep waking each other don't keep the loop from its sockets.
    private func runLocalWork() {
        var rounds = 0
        while !local.isEmpty {
            rounds += 1
            guard rounds <= 64 else { return scheduleLocal() }
            var work: [LoopWork] = []
            swap(&work, &local)
            for item in work { run(item) }
            if local.isEmpty {
                work.removeAll(keepingCapacity: true)
                swap(&work, &local)
            }
        }
    }

    private func run(_ work: LoopWork) {
        switch work {
        case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
        case .action(let action): action()
        }
    }

    private func flush() {
        while !pendingFlushes.isEmpty {
            var flushes: [any LoopFlushable] = []
            swap(&flushes, &pendingFlushes)
            for flushable in flushes { flushable.flushFromLoop() }
            runLocalWork()
        }
    }
}

/// Something that gathers writes and sends them when a batch of work on its loop is over.
protocol LoopFlushable: AnyObject {
    func flushFromLoop()
}

extension LoopExecutor.Remote {
    /// Whether the loop has to be woken now, which the caller then does.
    fileprivate mutating func mustSchedule() -> Bool {
        guard !isScheduled, gatherers == 0, !work.isEmpty else { return false }
        isScheduled = true
        return true
    }
}
