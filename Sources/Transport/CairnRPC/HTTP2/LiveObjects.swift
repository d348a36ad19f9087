import Synchronization

/// Counts what is alive on a set of loops, so that tests can tell that everything is freed when peers reset, vanish or
/// are refused.
package final class LiveObjects: Sendable {
    package let streams = LiveCount()
    package let sessions = LiveCount()
}

/// A number that threads add to.
package final class LiveCount: Sendable {
    private let number = Atomic<Int>(0)

    package var value: Int { number.load(ordering: .relaxed) }

    func add(_ amount: Int) { number.wrappingAdd(amount, ordering: .relaxed) }
}
