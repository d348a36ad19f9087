internal import Synchronization

/// Lets one task through at a time, in the order in which they come.
final class Turn: Sendable {
    private struct State {
        var isTaken = false
        // Unsafe as a committer's are: each is resumed once, by whoever gives the turn on.
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Waits until it is the task's turn; ``give()`` ends that.
    func take() async {
        // Unsafe as said above.
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            let isFree = state.withLock { state in
                if state.isTaken {
                    state.waiting.append(waiter)
                    return false
                }
                state.isTaken = true
                return true
            }
            if isFree { waiter.resume() }
        }
    }

    /// Gives the turn to who waits longest.
    func give() {
        let next = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard !state.waiting.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
