import NIOCore
import Synchronization

/// Lets through at most one line of a kind every ten seconds, and counts the others: what anybody can cause from
/// outside must not fill a log.
final class LineLimit: Sendable {
    private struct State {
        var next = NIODeadline.uptimeNanoseconds(0)
        var leftOut = 0
    }

    private static let pause = TimeAmount.seconds(10)
    private let state = Mutex(State())

    /// Whether a line may be written: then how many were left out since the last one.
    func admit(now: NIODeadline = .now()) -> Int? {
        state.withLock { state in
            guard now >= state.next else {
                state.leftOut += 1
                return nil
            }
            state.next = now + LineLimit.pause
            defer { state.leftOut = 0 }
            return state.leftOut
        }
    }
}
