internal import Metrics

/// Why keys are pruned.
enum PruneOccasion: String, CaseIterable {
    case interval
    case growth
    case limit
    case manual
}

/// What pruning counts, for swift-metrics: `cairn_pruned_total`, the keys, and `cairn_prune_runs_total{occasion}`, the
/// runs for which there were enough keys.
struct PruneFigures: Sendable {
    private let pruned: Counter
    private let runs: [PruneOccasion: Counter]

    init(factory: any MetricsFactory) {
        pruned = Counter(label: "cairn_pruned_total", factory: factory)
        runs = Dictionary(
            uniqueKeysWithValues: PruneOccasion.allCases.map { occasion in
                (
                    occasion,
                    Counter(
                        label: "cairn_prune_runs_total", dimensions: [("occasion", occasion.rawValue)],
                        factory: factory)
                )
            })
    }

    func ran(_ occasion: PruneOccasion, pruned count: Int) {
        runs[occasion]?.increment()
        pruned.increment(by: count)
    }
}
