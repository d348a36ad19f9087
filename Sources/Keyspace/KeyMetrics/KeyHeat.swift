internal import CairnModel
internal import Foundation

/// How much a key is used just now: a count of its uses, each of which counts half as much after every half-life.
///
/// For a key that is used evenly the count stands at the uses of some seven seconds, so it tells a rate, and two
/// numbers are all that has to be kept for it.
struct KeyHeat: Sendable {
    /// After so long a use counts half.
    static let halfLife = Duration.seconds(5)
    private static let halfLives = 1 / Double(halfLife.microseconds)

    private var uses = 0.0
    private var time = Timestamp(microseconds: 0)

    /// Notes a use. A clock that was turned back does not make uses count more.
    mutating func note(at now: Timestamp) {
        uses = self.uses(at: now) + 1
        time = max(time, now)
    }

    /// Uses a second, as of `now`.
    func perSecond(at now: Timestamp) -> Double {
        uses(at: now) * log(2) * KeyHeat.halfLives * 1e6
    }

    private func uses(at now: Timestamp) -> Double {
        now > time ? uses * exp2(-Double(now.rawValue &- time.rawValue) * KeyHeat.halfLives) : uses
    }
}

/// The hottest of the keys that it is offered.
struct HottestKeys {
    private let limit: Int
    private var found: [HotKey] = []
    /// What is colder need not be offered: at first a key that was used once some seconds ago.
    private(set) var coldest = 0.05

    /// The hottest `limit` keys.
    init(_ limit: Int) { self.limit = max(limit, 1) }

    mutating func offer(_ key: HotKey) {
        guard key.usesPerSecond > coldest else { return }
        found.append(key)
        if found.count >= 2 * limit { dropSurplus() }
    }

    /// The hottest first; of equals, the one whose name comes first.
    consuming func chosen() -> [HotKey] {
        dropSurplus()
        return found
    }

    private mutating func dropSurplus() {
        found.sort { ($1.usesPerSecond, $0.key) < ($0.usesPerSecond, $1.key) }
        guard found.count >= limit else { return }
        found.removeLast(found.count - limit)
        coldest = found[limit - 1].usesPerSecond
    }
}
