internal import CairnModel
internal import Dispatch
internal import Foundation

/// How long to try again, and how long to wait in between. For threads that may block.
struct Patience {
    private let end: DispatchTime
    private var failures = 0

    /// Patience for so long from now on.
    init(_ duration: Duration) {
        let nanoseconds = duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000
        end = .now() + .nanoseconds(Int(clamping: nanoseconds))
    }

    /// Waits before the next try, a little longer each time and never at once with all the others; `false` if there is
    /// no time left for it.
    ///
    /// What was undone because others were in the way may run again at once; a database that is away gets some time.
    mutating func wait(after error: StoreError) -> Bool {
        failures += 1
        let base = error.code == .unavailable ? 0.02 : 0.001
        let delay = min(base * Double(1 << min(failures - 1, 5)), 0.3) * Double.random(in: 0.5...1)
        guard DispatchTime.now() + delay < end else { return false }
        Thread.sleep(forTimeInterval: delay)
        return true
    }
}

extension StoreError {
    /// Whether the home may do it if it is asked again, and has changed nothing so far.
    var isTransient: Bool { (code == .unavailable || code == .storageBusy) && retry == .safe }
}
