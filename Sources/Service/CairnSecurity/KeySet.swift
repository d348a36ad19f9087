package import CairnModel

/// A set of keys: what several ranges hold together.
package struct KeySet: Hashable, Sendable {
    /// Ascending; no two overlap or touch, so a range that lies in the set lies in one of them.
    private let ranges: [KeyRange]

    /// The keys that are in one of `ranges`, which may overlap.
    package init(_ ranges: some Sequence<KeyRange>) {
        var merged: [KeyRange] = []
        for range in ranges.filter({ !$0.isEmpty }).sorted(by: { $0.lower < $1.lower }) {
            guard let last = merged.last, let end = last.upper else {
                // Nothing lies behind a range without an end that it doesn't hold.
                if merged.isEmpty { merged.append(range) }
                continue
            }
            if range.lower > end {
                merged.append(range)
            } else {
                merged[merged.count - 1].upper = range.upper.map { max($0, end) }
            }
        }
        self.ranges = merged
    }

    /// The keys that start with one of `prefixes`.
    package init(prefixes: some Sequence<Key>) { self.init(prefixes.map { KeyRange(prefix: $0) }) }

    /// Every key there is.
    package static let all = KeySet([.all])

    /// Whether no key is in it.
    package var isEmpty: Bool { ranges.isEmpty }

    /// Whether `key` is in it.
    package func contains(_ key: Key) -> Bool { ranges.contains { $0.contains(key) } }

    /// Whether the whole of `range` is in it. A range that can hold no key must begin in it.
    package func contains(_ range: KeyRange) -> Bool {
        ranges.contains { known in
            guard known.contains(range.lower) else { return false }
            guard let end = known.upper else { return true }
            guard let upper = range.upper else { return false }
            return upper <= end
        }
    }
}
