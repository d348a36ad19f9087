import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSnapshots
import CairnTestSupport
import Testing

@Suite("snapshots: what is kept is what was there")
struct RoundTripTests {
    /// Runs a history up to a step, keeps and restores, and runs the rest on both.
    @Test(
        "a restored store shows all that the first one does, and goes on as it does",
        arguments: [nil, 16, 32] as [Int?])
    func histories(keyBytes: Int?) throws {
        let key = try keyBytes.map { (count) throws(StoreError) in try testKey(count: count) }
        for number in 0..<(RandomRun.histories(6_000) / 6) {
            let history = History(seed: RandomRun.seed &+ UInt64(number))
            let engine = MemoryEngine()
            let driver = EngineDriver(engine, limits: history.limits)
            var now = History.start
            let middle = history.steps.count / 2
            try run(history.steps[..<middle], on: [driver], &now)
            let kept = KeptSnapshots()
            try kept.keep(engine, key: key)
            let restored = EngineDriver(try kept.restore(key: key), limits: history.limits)
            var difference = try driver.image().difference(from: restored.image())
            try #require(difference == nil, "CAIRN_SEED=\(history.seed): \(difference ?? "")")
            try #require(restored.engine.size.keys == engine.size.keys, "CAIRN_SEED=\(history.seed)")
            try run(history.steps[middle...], on: [driver, restored], &now)
            difference = try driver.image().difference(from: restored.image())
            try #require(difference == nil, "CAIRN_SEED=\(history.seed), afterwards: \(difference ?? "")")
        }
    }

    private func run(
        _ steps: ArraySlice<HistoryStep>, on drivers: [EngineDriver], _ now: inout Timestamp
    ) throws(StoreError) {
        for step in steps {
            switch step {
            case .advance(let duration): now = now + duration
            case .batch(let transactions):
                for driver in drivers {
                    _ = try driver.engine.trim()
                    try driver.expireDue(at: now)
                    _ = try driver.commit(transactions, at: now)
                }
            }
        }
    }

    @Test("many records, large values and a long log take several chunks and pieces")
    func large() throws {
        let engine = MemoryEngine()
        let driver = EngineDriver(engine)
        var random = SeededGenerator(seed: 1)
        for batch in 0..<40 {
            let sets = (0..<500).map { number in
                Operation.set(Key("\(batch)/\(number)"), Value(bytes: (0..<80).map { _ in UInt8(random.below(256)) }))
            }
            _ = try driver.commit([Transaction(then: sets)], at: History.start)
        }
        let big = Value(bytes: (0..<3_000_000).map { _ in UInt8(random.below(256)) })
        _ = try driver.commit([Transaction(then: [.set("big", big)])], at: History.start)
        let kept = KeptSnapshots()
        #expect(try kept.keep(engine, key: testKey()) > 2 * Int64(snapshotPieceBytes))
        let restored = try kept.restore(key: testKey())
        #expect(try all(restored) == all(engine))
        let cut = restored.cut()
        var events: [Event] = []
        cut.forEachEvent { events.append($0) }
        #expect(events == driver.events)
    }

    @Test("an empty store, and one whose log was compacted away")
    func edges() throws {
        let kept = KeptSnapshots()
        let engine = MemoryEngine()
        try kept.keep(engine)
        #expect(try kept.restore().cut().head == .empty)
        let driver = EngineDriver(engine)
        _ = try driver.commit([Transaction(then: [.set("a", "1"), .set("b", "2")])], at: History.start)
        _ = try driver.commit([Transaction(then: [.compact(before: 3)])], at: History.start)
        try kept.keep(engine)
        let restored = EngineDriver(try kept.restore())
        #expect(try restored.image() == driver.image())
        _ = try restored.commit([Transaction(then: [.set("a", "3")])], at: History.start)
        #expect(restored.events.map(\.ref) == [3])
    }

    private func all(_ engine: MemoryEngine) throws -> [Record] {
        var records: [Record] = []
        engine.cut().forEachRecord { records.append($0) }
        return records
    }
}
