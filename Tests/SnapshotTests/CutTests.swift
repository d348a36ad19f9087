import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@Suite("snapshots: a cut while others write")
struct CutTests {
    @Test("a write after a cut copies a few pieces, however large the store is")
    func boundedWork() throws {
        let engine = MemoryEngine()
        let driver = EngineDriver(engine)
        for batch in 0..<100 {
            let sets = (0..<500).map { Operation.set(Key("\(batch)/\($0)"), "value") }
            _ = try driver.commit([Transaction(then: sets)], at: History.start)
        }
        let first = engine.cut()
        let unchanged = engine.cut()
        #expect(unchanged.piecesNotShared(with: first) == 0, "a cut copies nothing")
        _ = try driver.commit([Transaction(then: [.set("50/250", "other")])], at: History.start)
        #expect(engine.cut().piecesNotShared(with: first) == 2, "one of the records, and one of the log")
        _ = try driver.commit([Transaction(then: [.set("50/250", "third")])], at: History.start)
        #expect(engine.cut().piecesNotShared(with: first) == 2, "the same ones")
        var value: Value?
        first.forEachRecord { if $0.key == "50/250" { value = $0.value } }
        #expect(value == "value", "the cut stays as it was")
    }

    @Test("every cut is of one moment: its records are what its log says")
    func consistent() async throws {
        let engine = MemoryEngine()
        let store = try await Keyspace.open(engine, clock: ManualClock())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(writer))
                    for number in 0..<3_000 {
                        let keys = (0..<3).map { _ in Key("\(random.below(2_000))") }
                        let operations = keys.map { key in
                            random.once(in: 4) ? Operation.delete(key) : .set(key, Value("\(writer)/\(number)"))
                        }
                        _ = try await store.commit(Transaction(then: operations))
                    }
                }
            }
            group.addTask {
                for _ in 0..<60 {
                    let cut = engine.cut()
                    await Task.yield()
                    var records: [Key: Record] = [:]
                    var refs: [Ref] = []
                    cut.forEachEvent { event in
                        records[event.key] = Record(after: event)
                        refs.append(event.ref)
                    }
                    #expect(refs == (0..<cut.head.lastRef.rawValue).map { Ref($0 + 1) })
                    var found: [Key: Record] = [:]
                    cut.forEachRecord { found[$0.key] = $0 }
                    #expect(found == records)
                }
            }
            try await group.waitForAll()
        }
        await store.close()
    }
}
