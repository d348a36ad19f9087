import CairnModel
import CairnTestSupport
import Testing

@testable import CairnKeyspace

/// A table of the use of keys is told entry by entry, and put together again.
@Suite("counted use of keys: told and restored")
struct KeyMetricsRestorationTests {
    private func time(_ number: Int) -> Timestamp { Timestamp(microseconds: Int64(number)) }

    /// Metrics of a key that was read `count` times, the last time at `last`.
    private func metrics(_ count: Int64, last: Int) -> KeyMetrics {
        var metrics = KeyMetrics()
        metrics.accesses = KeyActivity(count: count, first: time(1), last: time(last))
        return metrics
    }

    private func entries(of table: KeyMetricsTable?) -> [Key: KeyMetrics] {
        var found: [Key: KeyMetrics] = [:]
        table?.forEachKey { (key, metrics) in found[key] = metrics }
        return found
    }

    @Test(
        "what was counted is the same afterwards, in a table of one piece and of several", arguments: [1_500, 20_000])
    func roundTrip(capacity: Int) throws {
        let table = try #require(KeyMetricsTable(capacity: capacity))
        var random = SeededGenerator(seed: RandomRun.seed)
        for number in 0..<1_400 {
            for _ in 0...random.below(3) { table.noteAccess(to: Key("\(number)"), at: time(number + 1)) }
        }
        var restoration = KeyMetricsRestoration(capacity: capacity)
        var count = 0
        try table.forEachKey { (key, metrics) throws(StoreError) in
            count += 1
            try restoration.add(key, metrics)
        }
        let restored = try #require(restoration.finish())
        #expect(count == 1_400 && entries(of: restored) == entries(of: table), "CAIRN_SEED=\(RandomRun.seed)")
        #expect(restored.useCount == 0 && table.useCount >= 1_400)
        // It goes on where it was: the one that was used first falls out first.
        for number in 0..<capacity where capacity == 1_500 {
            let key = Key("new \(number)")
            restored.noteAccess(to: key, at: time(5_000))
            table.noteAccess(to: key, at: time(5_000))
            if number % 100 == 0 { #expect(entries(of: restored) == entries(of: table)) }
        }
    }

    @Test("a smaller table keeps what was used last, in whatever order it comes", arguments: [1, 10, 700])
    func bound(capacity: Int) throws {
        var random = SeededGenerator(seed: RandomRun.seed)
        var restoration = KeyMetricsRestoration(capacity: capacity)
        for number in (0..<1_000).shuffled(using: &random) {
            try restoration.add(Key("\(number)"), metrics(2, last: number + 1))
        }
        let table = try #require(restoration.finish())
        let kept = entries(of: table)
        #expect(Set(kept.keys) == Set((1_000 - capacity..<1_000).map { Key("\($0)") }), "CAIRN_SEED=\(RandomRun.seed)")
        table.noteAccess(to: "new", at: time(2_000))
        #expect(table[Key("\(1_000 - capacity)")] == nil && table["new"] != nil)
    }

    @Test("without room nothing is kept; the same key twice is what it was last")
    func edges() throws {
        for capacity in [0, -3] {
            var none = KeyMetricsRestoration(capacity: capacity)
            try none.add("a", metrics(1, last: 1))
            #expect(none.finish() == nil)
        }
        var restoration = KeyMetricsRestoration(capacity: 10)
        try restoration.add("a", metrics(5, last: 9))
        try restoration.add("a", metrics(1, last: 10))
        #expect(entries(of: restoration.finish()) == ["a": metrics(1, last: 10)])
        #expect(entries(of: KeyMetricsRestoration(capacity: 10).finish()).isEmpty)
    }

    @Test("what can't have been counted is refused")
    func impossible() {
        var never = KeyMetrics()
        never.locks = KeyActivity()
        for (key, metrics) in [
            ("", metrics(1, last: 1)), ("a", never), ("a", metrics(1, last: 0)), ("a", metrics(.max, last: 1)),
        ] as [(Key, KeyMetrics)] {
            let error = #expect(throws: StoreError.self) {
                var restoration = KeyMetricsRestoration(capacity: 10)
                try restoration.add(key, metrics)
            }
            #expect(error?.code == .corrupted)
        }
    }

    @Test("who uses keys does not wait for who is told of them", arguments: [600, 16_000])
    func unlocked(capacity: Int) throws {
        let table = try #require(KeyMetricsTable(capacity: capacity))
        for number in 0..<600 { table.noteAccess(to: Key("\(number)"), at: time(1)) }
        var told: [Key] = []
        table.forEachKey { (key, _) in
            // With its lock held this would stop for good.
            table.noteAccess(to: key, at: time(2))
            told.append(key)
        }
        #expect(told.count == 600 && Set(told).count == 600)
        #expect(entries(of: table).values.allSatisfy { $0.accesses.count == 2 })
    }
}
