package import CairnModel

/// Chooses which keys to prune: looks at each live key once, and keeps the ones that are missed least.
///
/// Holds twice as many keys as are wanted, and a thousand, however many it looks at.
package struct PruneSelection {
    private struct Entry {
        let rank: Double
        let candidate: PruneCandidate

        /// Whether it is pruned before `other`: the lower rank first, and of the same rank what was changed first.
        func comesBefore(_ other: Entry) -> Bool {
            (rank, candidate.updatedRef) < (other.rank, other.candidate.updatedRef)
        }
    }

    private let count: Int
    private let options: PruningOptions
    private let ignored: Set<Key>
    private let now: Timestamp
    private var entries: [Entry] = []

    /// A choice of `count` keys at `now`.
    package init(_ count: Int, _ options: PruningOptions, ignoring ignored: Set<Key> = [], at now: Timestamp) {
        self.count = count
        self.options = options
        self.ignored = ignored
        self.now = now
    }

    /// Looks at a live key, and how it was used as far as that is known.
    package mutating func consider(_ record: Record, _ metrics: KeyMetrics?) {
        guard record.lockToken == .zero, !ignored.contains(record.key),
            !options.exempt.contains(where: { record.key.hasPrefix($0) })
        else { return }
        entries.append(
            Entry(
                rank: rank(metrics ?? KeyMetrics()),
                candidate: PruneCandidate(record.key, updatedRef: record.updatedRef)))
        if entries.count >= 2 * count + 1_000 { cut() }
    }

    /// The keys to prune, in the order in which to do it.
    package mutating func chosen() -> [PruneCandidate] {
        cut()
        return entries.map(\.candidate)
    }

    /// How much a key is missed.
    private func rank(_ metrics: KeyMetrics) -> Double {
        switch options.order {
        case .score: metrics.score(at: now)
        case .lru: metrics.lastUse.map { Double($0.rawValue) } ?? -.infinity
        }
    }

    private mutating func cut() {
        entries.sort { $0.comesBefore($1) }
        if entries.count > count { entries.removeLast(entries.count - count) }
    }
}
