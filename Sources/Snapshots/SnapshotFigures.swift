internal import CairnModel
internal import Metrics

/// What snapshots count, for swift-metrics: `cairn_snapshots_total{occasion}`, those that were made, and
/// `cairn_snapshot_failures_total{reason}`, those that could not be.
struct SnapshotFigures: Sendable {
    private let made: [Snapshot.Occasion: Counter]
    private let factory: any MetricsFactory

    init(factory: any MetricsFactory) {
        self.factory = factory
        made = Dictionary(
            uniqueKeysWithValues: Snapshot.Occasion.allCases.map { occasion in
                let dimensions = [("occasion", occasion.description)]
                return (occasion, Counter(label: "cairn_snapshots_total", dimensions: dimensions, factory: factory))
            })
    }

    func made(for occasion: Snapshot.Occasion) { made[occasion]?.increment() }

    func failed(_ code: StoreError.Code) {
        Counter(label: "cairn_snapshot_failures_total", dimensions: [("reason", code.rawValue)], factory: factory)
            .increment()
    }
}
