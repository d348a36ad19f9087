import Synchronization

/// Counts what is alive, so that tests can tell that everything is freed when peers reset, vanish or are refused.
package enum LiveObjects {
    package static let streams = LiveCount()
    package static let sessions = LiveCount()
}

/// A number that threads add to.
package final class LiveCount: Sendable {
    private let number = Atomic<Int>(0)

    package var value: Int { number.load(ordering: .relaxed) }

    func add(_ amount: Int) { number.wrappingAdd(amount, ordering: .relaxed) }
}
