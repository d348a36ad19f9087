public import CairnModel
internal import Foundation

/// Tells the time of day and waits for it. Injected, so that tests decide when a deadline passes.
public protocol WallClock: Sendable {
    /// The time now. May jump; a store never dates a batch before the one before it.
    func now() -> Timestamp
    /// Returns when ``now()`` has reached `time`, or throws when the task is cancelled.
    func sleep(until time: Timestamp) async throws(CancellationError)
}

/// The clock of the machine.
public struct SystemClock: WallClock {
    /// The clock of the machine.
    public init() {}

    /// The time of day, to the microsecond.
    public func now() -> Timestamp {
        // A quarter of a microsecond is what a double of this size can tell apart.
        Timestamp(microseconds: Int64((Date().timeIntervalSince1970 * 1_000_000).rounded(.down)))
    }

    /// Sleeps in pieces of at most a minute, so that a jump of the clock delays a wake-up by no more than that.
    public func sleep(until time: Timestamp) async throws(CancellationError) {
        while true {
            let left = time - now()
            if left <= .zero { return }
            do {
                try await Task.sleep(for: min(left, .seconds(60)), tolerance: .milliseconds(1))
            } catch {
                throw CancellationError()
            }
        }
    }
}
