import CairnMemory
import CairnModel
import CairnSnapshots
import CairnTestSupport
import Logging
import MetricsTestKit
import Testing

@Suite("snapshots: how they are counted")
struct FigureTests {
    @Test("those that were made, by occasion, and those that could not be, by reason")
    func counts() async throws {
        let (kept, clock, metrics) = (KeptSnapshots(), ManualClock(), TestMetrics())
        var options = SnapshotOptions()
        options.interval = nil
        options.metrics = metrics
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (engine, snapshotter) = try Snapshotter.open(kept, options: options, clock: clock, logger: quiet)
        func set(_ key: Key) throws {
            _ = try EngineDriver(engine).commit([Transaction(then: [.set(key, "1")])], at: clock.now())
        }
        func made(_ occasion: String) throws -> Int64 {
            try metrics.expectCounter("cairn_snapshots_total", [("occasion", occasion)]).totalValue
        }
        try set("a")
        for _ in 0..<2 { _ = try await snapshotter.createSnapshot() }
        kept.refuse(with: StoreError(.storageFull, "full"))
        #expect(await awaitedFailure { _ = try await snapshotter.createSnapshot() }?.code == .storageFull)
        #expect(try made("request") == 2)
        #expect(try made("shutdown") == 0)
        kept.refuse(with: nil)
        try set("b")
        try await snapshotter.finish()
        #expect(try made("shutdown") == 1)
        #expect(try made("interval") == 0)
        let failures = try metrics.expectCounter(
            "cairn_snapshot_failures_total", [("reason", StoreError.Code.storageFull.rawValue)])
        #expect(failures.totalValue == 1)
    }
}
