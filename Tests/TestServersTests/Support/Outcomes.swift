import Synchronization

/// A list that several threads may append to.
final class Outcomes: Sendable {
    private let outcomes = Mutex<[String]>([])

    var list: [String] { outcomes.withLock { $0 } }

    func append(_ outcome: String) { outcomes.withLock { $0.append(outcome) } }
}
