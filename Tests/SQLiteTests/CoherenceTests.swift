import CairnKeyspace
import CairnModel
import CairnSQLite
import Testing

@Suite("SQLite: one file, several engines")
struct CoherenceTests {
    private func ready(_ engine: any Engine, _ key: Key) -> Value?? {
        switch engine.readyRecord(key) {
        case .record(let record): record.isLive ? record.value : .some(nil)
        case .absent: .some(nil)
        case nil: nil
        }
    }

    @Test("what was written or read is ready, and what was not is not")
    func ready() throws {
        try withEngine { store, _ throws in
            #expect(ready(store.engine, "a") == nil)
            try store.run(.set("a", "1"))
            #expect(ready(store.engine, "a") == .some("1"))
            #expect(ready(store.engine, "b") == nil)
            #expect(try store.record("b") == nil)
            #expect(ready(store.engine, "b") == .some(nil))
            try store.run(.delete("a"))
            #expect(ready(store.engine, "a") == .some(nil))
            #expect((store.engine as? SQLiteEngine)?.isInStep == true)
        }
    }

    @Test("another engine's commit is never hidden by what is in memory")
    func foreignCommit() throws {
        try withEngine { a, path throws in
            try a.run(.set("k", "1"))
            try withEngine(at: path) { b throws in
                #expect(try b.record("k")?.value == "1")
                try b.run(.set("k", "2"))
                #expect((a.engine as? SQLiteEngine)?.isInStep == false)
                #expect(ready(a.engine, "k") == nil)
                // A read follows the other's events, and then memory is good again.
                #expect(try a.record("k")?.value == "2")
                #expect(ready(a.engine, "k") == .some("2"))
                #expect((a.engine as? SQLiteEngine)?.isInStep == true)
                // So does a batch.
                try b.run(.set("k", "3"))
                try a.run(.set("other", "1"))
                #expect(ready(a.engine, "k") == .some("3"))
                #expect(try a.head().lastRef == 4)
                #expect(try b.events() == a.events())
            }
        }
    }

    @Test("many foreign events, and events that are gone, empty the memory")
    func farBehind() throws {
        try withEngine { a, path throws in
            try a.run(.set("k", "1"))
            try withEngine(at: path) { b throws in
                for _ in 0..<11 { try b.commit((0..<1_000).map { Transaction(then: [.set(Key("\($0)"), "1")]) }) }
                try b.run(.set("k", "2"))
                try a.run(.set("x", "1"))
                #expect(ready(a.engine, "k") == nil)
                #expect(try a.record("k")?.value == "2")
                #expect(ready(a.engine, "k") == .some("2"))
                try b.run(.set("k", "3"), .set("l", "1"))
                try b.run(.compact(before: 11_005))
                while try b.engine.trim() {}
                try a.run(.set("y", "1"))
                #expect(ready(a.engine, "k") == nil)
                #expect(try a.record("k")?.value == "3")
            }
        }
    }

    @Test("a log that starts over is no commit")
    func checkpoint() throws {
        try withEngine { a, path throws in
            try a.run(.set("k", "1"))
            _ = try output(of: "sqlite3", [path, "PRAGMA wal_checkpoint(TRUNCATE)"])
            #expect(try a.record("k")?.value == "1")
            #expect((a.engine as? SQLiteEngine)?.isInStep == true)
            #expect(ready(a.engine, "k") == .some("1"))
        }
    }

    @Test("a small memory forgets, and is right all the same")
    func eviction() throws {
        var options = SQLiteOptions()
        options.recordCacheBytes = 64 << 10
        try withEngine(options: options) { store, _ throws in
            for batch in 0..<200 {
                try store.commit(
                    (batch * 10..<batch * 10 + 10).map { Transaction(then: [.set(Key("\($0 % 500)"), Value("\($0)"))]) }
                )
            }
            var known = 0
            for number in 1_500..<2_000 {
                guard let value = ready(store.engine, Key("\(number % 500)")) else { continue }
                known += 1
                #expect(value == Value("\(number)"))
            }
            #expect(known > 0 && known < 500)
        }
    }

    @Test("a large value is not kept, and what it replaced is forgotten")
    func largeValue() throws {
        var options = SQLiteOptions()
        options.recordCacheBytes = 1 << 20
        try withEngine(options: options) { store, _ throws in
            try store.run(.set("k", "1"))
            #expect(ready(store.engine, "k") == .some("1"))
            try store.run(.set("k", Value(bytes: [UInt8](repeating: 1, count: 100_000))))
            #expect(ready(store.engine, "k") == nil)
            #expect(try store.record("k")?.version == 2)
        }
    }

    @Test("without a memory nothing is ready")
    func withoutCache() throws {
        var options = SQLiteOptions()
        options.recordCacheBytes = 0
        try withEngine(options: options) { store, path throws in
            try store.run(.set("k", "1"))
            #expect(ready(store.engine, "k") == nil)
            #expect((store.engine as? SQLiteEngine)?.isInStep == true)
            try withEngine(at: path) { b throws in try b.run(.set("k", "2")) }
            try store.run(.set("l", "1"))
            #expect(try store.head().lastRef == 3)
            #expect(try store.record("k")?.value == "2")
        }
    }

    @Test(
        "random commits by three engines: memory agrees with the file",
        arguments: [1, 2, 3, UInt64.random(in: 4...(.max))]
    )
    func random(seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        var options = SQLiteOptions()
        options.recordCacheBytes = 32 << 10
        try withEngine(options: options) { first, path throws in
            try withEngine(at: path, options: options) { second throws in
                try withEngine(at: path) { third throws in
                    let stores = [first, second, third]
                    var model: [Key: Value] = [:]
                    for step in 0..<1_500 {
                        let store = stores[Int.random(in: 0..<3, using: &generator)]
                        let key = Key("\(Int.random(in: 0..<60, using: &generator))")
                        switch Int.random(in: 0..<10, using: &generator) {
                        case 0..<3:
                            let value = Value(
                                "\(step)" + String(repeating: "x", count: Int.random(in: 0..<200, using: &generator))
                            )
                            try store.run(.set(key, value))
                            model[key] = value
                        case 3:
                            try store.run(.delete(key))
                            model[key] = nil
                        case 4..<6:
                            #expect(
                                try store.record(key).flatMap { $0.isLive ? $0.value : nil } == model[key],
                                "seed \(seed)"
                            )
                        case 6:
                            _ = try store.engine.trim()
                            if step % 100 == 0 {
                                _ = try output(of: "sqlite3", [path, "PRAGMA wal_checkpoint(RESTART)"])
                            }
                        default:
                            if let value = ready(store.engine, key) {
                                #expect(value == model[key], "seed \(seed), step \(step)")
                            }
                        }
                    }
                    #expect(try first.events() == third.events())
                }
            }
        }
    }

    @Test("engines that write and read at the same time: no read is older than a write before it")
    func concurrent() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        let engines = try (0..<2).map { _ in try SQLiteEngine(path: path) }
        // A counter that both increase: whoever reads it after a commit must see at least what that commit wrote.
        let floor = HighestSeen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for engine in engines {
                group.addTask {
                    for _ in 0..<150 {
                        var next: Int64 = 0
                        try engine.commit { (view) throws(StoreError) in
                            var set = WorkingSet(head: try view.head())
                            let record = try view.records(["n"])["n"]
                            set.load(record: record, for: "n")
                            set.load(lease: nil, for: record?.leaseID ?? 0)
                            next = (record?.version ?? 0) + 1
                            _ = try? set.run(
                                Transaction(then: [.set("n", Value("\(next)"))]),
                                at: set.head.time,
                                limits: .standard
                            )
                            return set.changes
                        }
                        floor.raise(to: next)
                    }
                }
                group.addTask {
                    for _ in 0..<4_000 {
                        let least = floor.value
                        if case .record(let record)? = engine.readyRecord("n") {
                            #expect(record.version >= least)
                        } else {
                            let version = try StoreDriver(engine: engine).record("n")?.version ?? 0
                            #expect(version >= least)
                        }
                        await Task.yield()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try StoreDriver(engine: engines[0]).record("n")?.version == 300)
        for engine in engines { engine.close() }
    }
}
