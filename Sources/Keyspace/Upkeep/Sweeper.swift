internal import CairnModel
internal import Synchronization

/// Sees to it that leases expire at their deadlines, also when nothing else happens.
///
/// It sleeps until the next deadline that it knows of, and has a batch run then; the batch itself finds what is due,
/// and tells the deadline after it. If the home has failed, nobody tells, and the sweeper tries again after
/// ``retryDelay``.
final class Sweeper: Sendable {
    private struct State {
        var next: Timestamp?
        var waiter: CheckedContinuation<Void, Never>?
        var hasMoved = false
        /// Whether a batch was asked for, and none has told the next deadline since.
        var isOverdue = false
    }

    /// The wait after a batch that the home has failed.
    static let retryDelay = Duration.milliseconds(20)

    private let clock: any WallClock
    private let state: Mutex<State>

    init(clock: any WallClock, next: Timestamp?) {
        self.clock = clock
        state = Mutex(State(next: next))
    }

    /// Notes that the next deadline is now `deadline`.
    func note(_ deadline: Timestamp?) {
        let waiter = state.withLock { state in
            // A later one is no news, unless the earlier one was to be swept: it is read again after that.
            let isEarlier = deadline.map { deadline in state.next.map { deadline < $0 } ?? true } ?? false
            let isNews = isEarlier || state.isOverdue
            state.next = deadline
            state.isOverdue = false
            guard isNews else { return nil as CheckedContinuation<Void, Never>? }
            state.hasMoved = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Calls `sweep` at each deadline, until the task is cancelled.
    func run(_ sweep: @Sendable () async -> Void) async {
        while !Task.isCancelled {
            let now = clock.now()
            let (next, isDue) = state.withLock { state in
                let isDue = state.next.map { $0 <= now } ?? false
                state.hasMoved = false
                state.isOverdue = isDue
                return (state.next, isDue)
            }
            guard isDue else {
                await wait(until: next)
                continue
            }
            await sweep()
            if state.withLock({ $0.isOverdue }) { await wait(until: clock.now() + Sweeper.retryDelay) }
        }
    }

    /// Waits for the time or for news of the deadline.
    private func wait(until time: Timestamp?) async {
        await withTaskGroup(of: Void.self) { group in
            if let time {
                group.addTask { [clock] in try? await clock.sleep(until: time) }
            }
            group.addTask { await self.waitForMove() }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForMove() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isReady = state.withLock { state in
                    if state.hasMoved || Task.isCancelled { return true }
                    state.waiter = waiter
                    return false
                }
                if isReady { waiter.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }
}
