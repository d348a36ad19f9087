import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSnapshots
import CairnTestSupport
import Logging
import Testing

/// The use of keys, in snapshots.
@Suite("snapshots: the use of keys")
struct KeyMetricsSnapshotTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func engine() throws -> MemoryEngine {
        let engine = MemoryEngine()
        _ = try EngineDriver(engine).commit([Transaction(then: [.set("a", "1"), .set("b", "2")])], at: History.start)
        return engine
    }

    /// A table that has counted each kind of use, also of a key that isn't there.
    private func table(capacity: Int = 10) throws -> KeyMetricsTable {
        let table = try #require(KeyMetricsTable(capacity: capacity))
        func event(_ kind: Event.Kind, _ key: Key, _ number: Int64) -> Event {
            Event(
                ref: 1, kind: kind, key: key, version: 1, value: "1", leaseID: 1, createdRef: 1, createdVersion: 1,
                previousRef: nil, time: Timestamp(microseconds: number))
        }
        table.note([event(.created, "a", 10), event(.created, "gone", 20), event(.updated, "a", 30)])
        table.note([event(.locked, "b", -40), event(.locked, "b", 50)])
        for number in 60..<70 { table.noteAccess(to: "a", at: Timestamp(microseconds: Int64(number))) }
        return table
    }

    private func entries(of table: KeyMetricsTable?) -> [Key: KeyMetrics] {
        var found: [Key: KeyMetrics] = [:]
        table?.forEachKey { (key, metrics) in found[key] = metrics }
        return found
    }

    @Test("what was counted is there again, with and without encryption", arguments: [false, true])
    func roundTrip(isEncrypted: Bool) throws {
        let (kept, key) = (KeptSnapshots(), isEncrypted ? try testKey() : nil)
        let (engine, table) = (try engine(), try table())
        try kept.keep(engine, table, key: key)
        let restored = try kept.restore(key: key, keyMetricsCapacity: 10)
        #expect(entries(of: restored.keyMetrics) == entries(of: table))
        #expect(entries(of: table).count == 3 && restored.keyMetrics?["gone"]?.sets.count == 1)
        #expect(restored.keyMetrics?["a"]?.accesses.count == 10 && restored.keyMetrics?["b"]?.locks.count == 2)
        #expect(try EngineDriver(restored.engine).image() == EngineDriver(engine).image())
        let smaller = try kept.restore(key: key, keyMetricsCapacity: 1).keyMetrics
        #expect(Array(entries(of: smaller).keys) == ["a"])
        #expect(try kept.restore(key: key, keyMetricsCapacity: 0).keyMetrics == nil)
    }

    @Test("many chunks of it")
    func large() throws {
        let kept = KeptSnapshots()
        let table = try #require(KeyMetricsTable(capacity: 40_000))
        for number in 0..<30_000 {
            table.noteAccess(to: Key("key number \(number)"), at: Timestamp(microseconds: Int64(number) << 30))
        }
        try kept.keep(try engine(), table, key: testKey())
        let parts = SnapshotParts(try #require(kept[anyName])).parts
        #expect(parts.count { $0[0] == 8 } > 2)
        let restored = try kept.restore(key: testKey(), keyMetricsCapacity: 40_000).keyMetrics
        #expect(entries(of: restored) == entries(of: table) && entries(of: table).count == 30_000)
    }

    @Test("without a table the format is the one that it was; a snapshot of that format begins an empty table")
    func withoutTable() throws {
        let kept = KeptSnapshots()
        try kept.keep(try engine())
        let old = try #require(kept[anyName])
        #expect(old[8] == 1 && old[9] == 0)
        let restored = try kept.restore(keyMetricsCapacity: 10)
        let table = try #require(restored.keyMetrics)
        #expect(entries(of: table).isEmpty)
        try kept.keep(restored.engine, table)
        let new = try #require(kept[anyName])
        #expect(new[8] == 2 && new[9] == 0 && new.count > old.count)
        #expect(try entries(of: kept.restore(keyMetricsCapacity: 10).keyMetrics).isEmpty)
    }

    @Test("every byte that is changed, and every end that is cut off, is noticed", arguments: [false, true])
    func corruption(isEncrypted: Bool) throws {
        let (kept, key) = (KeptSnapshots(), isEncrypted ? try testKey() : nil)
        try kept.keep(try engine(), try table(), key: key)
        let whole = try #require(kept[anyName])
        for offset in whole.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                var broken = whole
                broken[offset] ^= change
                kept[anyName] = broken
                let error = failure { _ = try kept.restore(key: key, keyMetricsCapacity: 10) }
                #expect(error?.code == .corrupted, "byte \(offset) ^ \(change): \(String(describing: error))")
            }
            kept[anyName] = Array(whole[..<offset])
            #expect(failure { _ = try kept.restore(key: key, keyMetricsCapacity: 10) }?.code == .corrupted)
        }
    }

    @Test("the section, left out, repeated or moved, is noticed; its name is in the error")
    func parts() throws {
        let kept = KeptSnapshots()
        try kept.keep(try engine(), try table())
        let snapshot = SnapshotParts(try #require(kept[anyName]))
        // Records, events, metrics, the end.
        #expect(snapshot.parts.map { $0[0] } == [1, 6, 8, 7])
        var attempts = [snapshot.parts, snapshot.parts, snapshot.parts]
        attempts[0].remove(at: 2)
        attempts[1].insert(snapshot.parts[2], at: 3)
        attempts[2].swapAt(1, 2)
        for parts in attempts {
            kept[anyName] = snapshot.header + parts.flatMap { $0 }
            #expect(failure { _ = try kept.restore() }?.code == .corrupted)
        }
        var parts = snapshot.parts
        parts[2][25] ^= 1
        kept[anyName] = snapshot.header + parts.flatMap { $0 }
        let error = try #require(failure { _ = try kept.restore() })
        #expect(error.message.hasSuffix("the metrics of keys in it don't match their checksum"), "\(error)")
    }

    @Test("a store begins with what was counted, also where keys were only read before it ended")
    func snapshotter() async throws {
        let (kept, clock) = (KeptSnapshots(), ManualClock())
        func open(counting capacity: Int) throws(StoreError) -> (engine: MemoryEngine, snapshotter: Snapshotter) {
            try Snapshotter.open(
                kept, options: SnapshotOptions(), keyMetricsCapacity: capacity, clock: clock, logger: logger)
        }
        var (engine, snapshotter) = try open(counting: 10)
        _ = try EngineDriver(engine).commit([Transaction(then: [.set("a", "1")])], at: clock.now())
        snapshotter.keyMetrics?.noteAccess(to: "a", at: clock.now())
        try await snapshotter.finish()
        #expect(kept.names.count == 1)
        (engine, snapshotter) = try open(counting: 10)
        #expect(snapshotter.keyMetrics?["a"]?.accesses.count == 1)
        try await snapshotter.finish()
        #expect(kept.names.count == 1, "nothing was used, nothing has changed")
        (engine, snapshotter) = try open(counting: 10)
        snapshotter.keyMetrics?.noteAccess(to: "a", at: clock.now())
        try await snapshotter.finish()
        #expect(kept.names.count == 2)
        (engine, snapshotter) = try open(counting: 10)
        #expect(snapshotter.keyMetrics?["a"]?.accesses.count == 2)
        // The newest is broken, after its records: nothing of it is left in the table.
        let newest = try #require(kept.names.last)
        var broken = try #require(kept[newest])
        broken[broken.count - 1] ^= 1
        kept[newest] = broken
        (engine, snapshotter) = try open(counting: 10)
        #expect(snapshotter.keyMetrics?["a"]?.accesses.count == 1)
        (engine, snapshotter) = try open(counting: 0)
        #expect(snapshotter.keyMetrics == nil && engine.size.keys == 1)
    }
}
