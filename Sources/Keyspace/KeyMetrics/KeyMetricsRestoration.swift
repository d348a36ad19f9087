package import CairnModel

/// Puts a table of the use of keys together again, from what ``KeyMetricsTable/forEachKey(_:)`` has told.
///
/// Takes any number of keys, in any order, and keeps those that were used last; it never holds more than twice as many
/// as the table has room for.
package struct KeyMetricsRestoration {
    private let capacity: Int
    private var found: [(key: Key, metrics: KeyMetrics, lastUse: Timestamp)] = []

    /// A table to be, of `capacity` keys; without room it keeps nothing.
    package init(capacity: Int) { self.capacity = min(max(capacity, 0), Int(Int32.max)) }

    /// Takes what was known of a key. Throws ``CairnModel/StoreError/Code/corrupted`` for what no table can have held.
    package mutating func add(_ key: Key, _ metrics: KeyMetrics) throws(StoreError) {
        let activities = [metrics.accesses, metrics.sets, metrics.locks]
        // A count of that size was never counted, and could not go on.
        let isPossible = activities.allSatisfy { activity in
            guard let first = activity.first, let last = activity.last else { return true }
            return activity.count < Int64.max / 2 && first <= last
        }
        guard !key.bytes.isEmpty, let lastUse = metrics.lastUse, isPossible else {
            throw StoreError(.corrupted, "what it holds can't have been counted: the use of \(key)", key: key)
        }
        if capacity == 0 { return }
        found.append((key, metrics, lastUse))
        if found.count >= 2 * capacity { dropSurplus() }
    }

    /// The table, when all has been taken; `nil` without room.
    package consuming func finish() -> KeyMetricsTable? {
        dropSurplus()
        let table = KeyMetricsTable(capacity: capacity)
        for (key, metrics, _) in found { table?.restore(key, metrics) }
        return table
    }

    /// Keeps the keys that were used last, the last one at the end. Those used at the same moment stay in their order.
    private mutating func dropSurplus() {
        found.sort { $0.lastUse < $1.lastUse }
        found.removeFirst(max(0, found.count - capacity))
    }
}
