import Histogram
import Synchronization

/// How long the calls of some clients took. The clients share a thread, so the lock is never contended.
final class LatencyRecorder: Sendable {
    private let histogram = Mutex(LatencyRecorder.empty)

    /// From a microsecond to a minute, to two digits, which keeps it small enough for the processor's caches.
    private static var empty: Histogram<UInt64> {
        Histogram(lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: .two)
    }

    /// Notes what took this long; longer than a minute counts as a minute.
    func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let microseconds = UInt64(max(0, min(seconds * 1_000_000 + attoseconds / 1_000_000_000_000, 60_000_000)))
        histogram.withLock { _ = $0.record(microseconds) }
    }

    /// What was noted since the last call, in microseconds.
    func take() -> Histogram<UInt64> {
        histogram.withLock { histogram in
            defer { histogram = LatencyRecorder.empty }
            return histogram
        }
    }
}
