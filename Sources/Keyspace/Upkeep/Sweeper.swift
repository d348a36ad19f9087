internal import CairnModel
internal import Synchronization

/// Sees to it that leases expire at their deadlines, also when nothing else happens.
///
/// It sleeps until the next deadline that it knows of, and has a batch run then; the batch itself finds what is due.
final class Sweeper: Sendable {
    private struct State {
        var next: Timestamp?
        var waiter: CheckedContinuation<Void, Never>?
        var hasMoved = false
    }

    private let clock: any WallClock
    private let state: Mutex<State>

    init(clock: any WallClock, next: Timestamp?) {
        self.clock = clock
        state = Mutex(State(next: next))
    }

    /// Notes that the next deadline is now `deadline`.
    func note(_ deadline: Timestamp?) {
        let waiter = state.withLock { state in
            // A later one is no news: it is read again when the earlier one is swept.
            let isEarlier = deadline.map { deadline in state.next.map { deadline < $0 } ?? true } ?? false
            state.next = deadline
            guard isEarlier else { return nil as CheckedContinuation<Void, Never>? }
            state.hasMoved = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Calls `sweep` at each deadline, until the task is cancelled.
    func run(_ sweep: @Sendable () async -> Void) async {
        while !Task.isCancelled {
            let next = state.withLock { state in
                state.hasMoved = false
                return state.next
            }
            if let next, next <= clock.now() {
                await sweep()
                // The home may have failed; then the deadline is still there, and the next try must not come at once.
                if state.withLock({ $0.next == next }) { try? await Task.sleep(for: .milliseconds(20)) }
                continue
            }
            await wait(until: next)
        }
    }

    /// Waits for the time or for an earlier deadline.
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
