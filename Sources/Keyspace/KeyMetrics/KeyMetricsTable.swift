package import CairnModel
internal import Synchronization

/// How keys are used, of a bounded number of them; the least lately used fall out.
///
/// In pieces, each with a lock of its own, so that readers on different threads seldom meet.
package final class KeyMetricsTable: Sendable {
    /// Small tables are of one piece, and so exactly as large as asked for.
    private static let pieces = 16
    /// How many keys are copied under a lock at once: a matter of microseconds.
    private static let keysPerStep = 512

    private final class Piece: Sendable {
        let metrics: Mutex<RecentMetrics>

        init(capacity: Int) { metrics = Mutex(RecentMetrics(capacity: capacity)) }
    }

    private let pieces: [Piece]

    /// A table of `capacity` keys, or nothing for none.
    package init?(capacity: Int) {
        guard capacity > 0 else { return nil }
        let count = capacity < 1_000 * KeyMetricsTable.pieces ? 1 : KeyMetricsTable.pieces
        pieces = (0..<count).map { _ in Piece(capacity: capacity / count) }
    }

    /// What is known of a key.
    package subscript(key: Key) -> KeyMetrics? { piece(of: key).metrics.withLock { $0[key] } }

    /// Notes that a key was read.
    package func noteAccess(to key: Key, at time: Timestamp) {
        piece(of: key).metrics.withLock { $0.use(key, at: time) { $0.accesses.note(at: time) } }
    }

    /// Notes the sets and locks among events.
    package func note(_ events: [Event]) {
        for event in events {
            switch event.kind {
            case .created, .updated:
                piece(of: event.key).metrics.withLock {
                    $0.use(event.key, at: event.time) { $0.sets.note(at: event.time) }
                }
            case .locked:
                piece(of: event.key).metrics.withLock {
                    $0.use(event.key, at: event.time) { $0.locks.note(at: event.time) }
                }
            default: break
            }
        }
    }

    /// How many uses were noted since the table was made. Grows; for comparing only.
    package var useCount: Int {
        pieces.reduce(0) { count, piece in count &+ piece.metrics.withLock { $0.useCount } }
    }

    /// Calls `body` with what is known of each key, in any order.
    ///
    /// No lock is held meanwhile, and none for longer than it takes to copy some hundred entries, so who notes uses
    /// waits for no more than that. What is used meanwhile may come as it was before or after. A key that falls out is
    /// left out, and one that comes again after that may come twice.
    package func forEachKey<Failure: Error>(_ body: (Key, KeyMetrics) throws(Failure) -> Void) throws(Failure) {
        for piece in pieces {
            var next = 0
            while true {
                let step = piece.metrics.withLock { $0.entries(from: next, count: KeyMetricsTable.keysPerStep) }
                for (key, metrics) in step { try body(key, metrics) }
                if step.count < KeyMetricsTable.keysPerStep { break }
                next += step.count
            }
        }
    }

    /// The keys that are used most at `now`, the most used first. Locks are held as ``forEachKey(_:)`` holds them.
    func hottest(_ limit: Int, at now: Timestamp) -> [HotKey] {
        var hottest = HottestKeys(limit)
        for piece in pieces {
            var next = 0
            while true {
                let (hot, isLast) = piece.metrics.withLock { [next, coldest = hottest.coldest] metrics in
                    let places = next..<min(next + KeyMetricsTable.keysPerStep, metrics.count)
                    return (metrics.keys(in: places, hotterThan: coldest, at: now), places.upperBound == metrics.count)
                }
                for key in hot { hottest.offer(key) }
                if isLast { break }
                next += KeyMetricsTable.keysPerStep
            }
        }
        return hottest.chosen()
    }

    /// Takes what was known of a key, as the last one used.
    func restore(_ key: Key, _ metrics: KeyMetrics) {
        piece(of: key).metrics.withLock { $0.restore(key, metrics) }
    }

    /// By the last bytes, in which keys differ as a rule.
    private func piece(of key: Key) -> Piece {
        guard pieces.count > 1 else { return pieces[0] }
        let sum = key.bytes.suffix(4).reduce(UInt32(0)) { $0 &* 31 &+ UInt32($1) }
        return pieces[Int(sum % UInt32(pieces.count))]
    }
}

/// Metrics by key, in the order of their last use.
struct RecentMetrics {
    private struct Entry {
        var key: Key
        var metrics = KeyMetrics()
        var heat = KeyHeat()
        // The neighbours by last use; -1 for none.
        var older: Int32 = -1
        var newer: Int32 = -1
    }

    private let capacity: Int
    private var places: [Key: Int32] = [:]
    private var entries: [Entry] = []
    private var newest: Int32 = -1
    private var oldest: Int32 = -1
    /// How many uses were noted.
    private(set) var useCount = 0

    /// Room for `capacity` keys, at least one.
    init(capacity: Int) { self.capacity = min(max(capacity, 1), Int(Int32.max)) }

    /// How many keys there are.
    var count: Int { entries.count }

    /// What is known of a key. No use of it.
    subscript(key: Key) -> KeyMetrics? { places[key].map { entries[Int($0)].metrics } }

    /// Notes a use of a key, and makes it the newest.
    mutating func use(_ key: Key, at time: Timestamp, _ note: (inout KeyMetrics) -> Void) {
        useCount &+= 1
        let place = Int(makeNewest(key))
        note(&entries[place].metrics)
        entries[place].heat.note(at: time)
    }

    /// Takes what was known of a key before, and makes it the newest. No use of it.
    mutating func restore(_ key: Key, _ metrics: KeyMetrics) { entries[Int(makeNewest(key))].metrics = metrics }

    /// What is known of at most `count` keys from the `first` place on, in the order of places. A key keeps its place
    /// until it falls out.
    func entries(from first: Int, count: Int) -> [(Key, KeyMetrics)] {
        entries[min(first, entries.count)..<min(first + count, entries.count)].map { ($0.key, $0.metrics) }
    }

    /// Those of the keys in some places that are hotter than `coldest`.
    func keys(in places: Range<Int>, hotterThan coldest: Double, at now: Timestamp) -> [HotKey] {
        entries[places].compactMap { entry in
            let heat = entry.heat.perSecond(at: now)
            return heat > coldest ? HotKey(key: entry.key, usesPerSecond: heat, metrics: entry.metrics) : nil
        }
    }

    private mutating func makeNewest(_ key: Key) -> Int32 {
        let place = places[key] ?? take(placeFor: key)
        if place != newest {
            unlink(place)
            link(place)
        }
        return place
    }

    private mutating func take(placeFor key: Key) -> Int32 {
        let place: Int32
        if entries.count < capacity {
            place = Int32(entries.count)
            entries.append(Entry(key: key))
            link(place)
        } else {
            place = oldest
            places[entries[Int(place)].key] = nil
            entries[Int(place)].key = key
            entries[Int(place)].metrics = KeyMetrics()
            entries[Int(place)].heat = KeyHeat()
        }
        places[key] = place
        return place
    }

    private mutating func unlink(_ place: Int32) {
        let (older, newer) = (entries[Int(place)].older, entries[Int(place)].newer)
        if older >= 0 { entries[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { entries[Int(newer)].older = older } else { newest = older }
    }

    private mutating func link(_ place: Int32) {
        entries[Int(place)].older = newest
        entries[Int(place)].newer = -1
        if newest >= 0 { entries[Int(newest)].newer = place } else { oldest = place }
        newest = place
    }
}
