import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@testable import CairnKeyspace

/// How a keyspace counts the use of keys.
@Suite("counted use of keys")
struct KeyMetricsTableTests {
    private let now = Timestamp(microseconds: 1_000_000)

    @Test("the least lately used fall out; a look is no use")
    func bound() {
        var table = RecentMetrics(capacity: 3)
        for key: Key in ["a", "b", "c", "a"] { table.use(key, at: now) { $0.accesses.note(at: now) } }
        _ = table["b"]
        table.use("d", at: now) { $0.accesses.note(at: now) }
        #expect(table.count == 3 && table["b"] == nil)
        #expect(table["a"]?.accesses.count == 2 && table["c"]?.accesses.count == 1 && table["d"]?.accesses.count == 1)
        // The newest, the oldest and one between are used again.
        for key: Key in ["d", "c", "a", "e"] { table.use(key, at: now) { $0.accesses.note(at: now) } }
        #expect(table["d"] == nil && table["c"] != nil && table["a"] != nil && table["e"]?.accesses.count == 1)
    }

    @Test("a table does what a list in the order of use does")
    func random() {
        var random = SeededGenerator(seed: RandomRun.seed)
        for capacity in [1, 2, 5] {
            var table = RecentMetrics(capacity: capacity)
            var model: [(key: Key, count: Int64)] = []
            for _ in 0..<500 {
                let key = Key("\(random.below(8))")
                table.use(key, at: now) { $0.sets.note(at: now) }
                let place = model.firstIndex { $0.key == key }
                let count = place.map { model.remove(at: $0).count } ?? 0
                model.append((key, count + 1))
                if model.count > capacity { model.removeFirst() }
                for number in 0..<8 {
                    let key = Key("\(number)")
                    #expect(
                        table[key]?.sets.count == model.first { $0.key == key }?.count, "CAIRN_SEED=\(RandomRun.seed)")
                }
            }
        }
        #expect(KeyMetricsTable(capacity: 0) == nil)
    }

    private func open(_ clock: ManualClock, counting count: Int?) async throws -> Keyspace {
        var options = KeyspaceOptions()
        options.clock = clock
        options.keyMetrics = count
        return try await Keyspace.open(options: options) { () throws(StoreError) in MemoryEngine() }
    }

    @Test("reads, sets and locks are counted, by whatever way they come; a key's metrics outlive it")
    func counts() async throws {
        let clock = ManualClock()
        let store = try await open(clock, counting: 100)
        let start = clock.now()
        try await store.set("foo", "1")
        var metrics = try #require(try await store.keyMetrics(of: "foo"))
        #expect(metrics.sets == KeyActivity(count: 1, first: start, last: start))
        #expect(metrics.accesses.count == 0 && metrics.locks.count == 0)
        clock.advance(by: .seconds(1))
        _ = try await store.inspect("foo", withValue: true, clientID: "")
        _ = try await store.inspect("foo")
        clock.advance(by: .seconds(1))
        _ = try await store.get("foo")
        #expect(store.readyRecord("foo", clientID: "")?.version == 1)
        try await store.touch("foo")
        metrics = try #require(try await store.keyMetrics(of: "foo"))
        #expect(metrics.accesses == KeyActivity(count: 4, first: start + .seconds(1), last: start + .seconds(2)))
        _ = try await store.pop("foo")
        #expect(try await store.pop("foo") == nil)
        #expect(try await store.get("foo") == nil)
        #expect(try await store.keyMetrics(of: "foo")?.accesses.count == 5)
        clock.advance(by: .seconds(1))
        try await store.set("foo", "2")
        try await store.set("foo", "2", skipIfUnchanged: true)
        let lock = try await store.lock("foo", for: .seconds(10), clientID: "ann")
        _ = try await store.extendLock(lock, for: .seconds(10))
        metrics = try #require(try await store.keyMetrics(of: "foo"))
        #expect(metrics.sets == KeyActivity(count: 2, first: start, last: start + .seconds(3)))
        #expect(metrics.locks.count == 2)
        #expect(try await store.keyMetrics(of: "never") == nil)
        await store.close()
    }

    @Test("nothing is counted unless asked for")
    func off() async throws {
        let store = try await open(ManualClock(), counting: nil)
        try await store.set("foo", "1")
        let error = await #expect(throws: StoreError.self) { _ = try await store.keyMetrics(of: "foo") }
        #expect(error?.code == .unsupported)
        await store.close()
    }
}
