import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

/// Which keys are pruned first, and which never.
@Suite("choice of what to prune")
struct PruneRulesTests {
    private let now = Timestamp(microseconds: 1_000_000_000_000_000)

    private func record(_ key: Key, _ ref: Int64, lockToken: Ref = 0) -> Record {
        Record(
            key: key, value: "", version: 1, createdVersion: 1, createdRef: Ref(ref), updatedRef: Ref(ref),
            deletedRef: nil, leaseID: 1, lockToken: lockToken)
    }

    private func metrics(firstSet: Duration, lastSet: Duration, lock: Duration? = nil) -> KeyMetrics {
        var metrics = KeyMetrics()
        metrics.sets = KeyActivity(count: 2, first: now + firstSet, last: now + lastSet)
        if let lock { metrics.locks = KeyActivity(count: 1, first: now + lock, last: now + lock) }
        return metrics
    }

    private func chosen(
        _ count: Int, _ keys: some Sequence<(Record, KeyMetrics?)>, _ options: PruningOptions = PruningOptions(),
        ignoring ignored: Set<Key> = []
    ) -> [Key] {
        var selection = PruneSelection(count, options, ignoring: ignored, at: now)
        for (record, metrics) in keys { selection.consider(record, metrics) }
        return selection.chosen().map(\.key)
    }

    @Test("the lowest score goes first; a lock in the future counts nothing; the same score goes by ref")
    func order() {
        let fresh = metrics(firstSet: .zero, lastSet: .zero)
        let keys: [(Record, KeyMetrics?)] = [
            (record("foo", 1), fresh), (record("bar", 2), metrics(firstSet: .hours(-12), lastSet: .hours(-12))),
            (record("wat", 3), metrics(firstSet: .hours(-12), lastSet: .hours(-11))),
            (record("baz", 4), metrics(firstSet: .zero, lastSet: .zero, lock: .hours(1))),
        ]
        #expect(chosen(4, keys) == ["bar", "wat", "foo", "baz"])
        #expect(chosen(2, keys.reversed()) == ["bar", "wat"])
    }

    @Test("what nothing is known of goes before all, the longest unchanged first")
    func unknown() {
        let known = metrics(firstSet: .hours(-10_000), lastSet: .hours(-10_000))
        for order in [PruningOptions.Order.score, .lru] {
            var options = PruningOptions()
            options.order = order
            #expect(
                chosen(3, [(record("a", 1), known), (record("b", 9), nil), (record("c", 8), nil)], options)
                    == ["c", "b", "a"])
        }
    }

    @Test("by last use, whatever use it was")
    func leastRecentlyUsed() {
        var options = PruningOptions()
        options.order = .lru
        var read = metrics(firstSet: .hours(-9), lastSet: .hours(-9))
        read.accesses = KeyActivity(count: 1, first: now + .hours(-1), last: now + .hours(-1))
        let keys: [(Record, KeyMetrics?)] = [
            (record("read", 1), read), (record("set", 2), metrics(firstSet: .hours(-20), lastSet: .hours(-2))),
            (record("locked", 3), metrics(firstSet: .hours(-20), lastSet: .hours(-20), lock: .hours(-3))),
        ]
        #expect(chosen(3, keys, options) == ["locked", "set", "read"])
    }

    @Test("what is locked, exempt or ignored is never chosen")
    func exempt() {
        var options = PruningOptions()
        options.exempt = ["sys/", "keep"]
        let keys: [(Record, KeyMetrics?)] = [
            (record("sys/a", 1), nil), (record("keeper", 2), nil), (record("locked", 3, lockToken: 3), nil),
            (record("ignored", 4), nil), (record("sys", 5), nil), (record("other", 6), nil),
        ]
        #expect(chosen(6, keys, options, ignoring: ["ignored"]) == ["sys", "other"])
    }

    @Test("of many, it is the same ones however few are kept at a time")
    func many() {
        var random = SeededGenerator(seed: RandomRun.seed)
        let keys = (0..<20_000).map { number -> (Record, KeyMetrics?) in
            (
                record(Key("\(number)"), Int64(number)),
                metrics(firstSet: .hours(-20), lastSet: .hours(-random.below(19) - 1))
            )
        }
        let expected = keys.sorted { a, b in
            (a.1?.score(at: now) ?? 0, a.0.updatedRef) < (b.1?.score(at: now) ?? 0, b.0.updatedRef)
        }.prefix(300).map(\.0.key)
        #expect(chosen(300, keys.shuffled(using: &random)) == expected, "CAIRN_SEED=\(RandomRun.seed)")
    }

    @Test("there may be as many keys as the limits say: a batch counts what it makes, ends and undoes")
    func maxKeys() throws {
        var limits = Limits.standard
        limits.keys = 2
        let driver = EngineDriver(MemoryEngine(), limits: limits)
        func code(_ answer: Result<TransactionResult, StoreError>) -> StoreError.Code? {
            if case .failure(let error) = answer { error.code } else { nil }
        }
        let first = try driver.commit(
            [
                Transaction(then: [.set("a", "1")]),
                // Fails after it made a key, which then counts no more.
                Transaction(then: [.set("b", "1"), .expireLease(99)]),
                Transaction(then: [.set("c", "1")]), Transaction(then: [.set("d", "1")]),
                Transaction(then: [.set("a", "2")]), Transaction(then: [.delete("a"), .set("d", "1")]),
                Transaction(
                    then: [.lock("e", duration: .seconds(1), createIfMissing: true)], clientID: "ann"),
            ], at: now)
        #expect(first.map(code) == [nil, .leaseNotFound, nil, .maxKeys, nil, nil, .maxKeys])
        let second = try driver.commit(
            [Transaction(then: [.set("e", "1")]), Transaction(then: [.set("c", "2")])], at: now)
        #expect(second.map(code) == [.maxKeys, nil])
    }
}

extension Duration {
    fileprivate static func hours(_ hours: Int) -> Duration { .seconds(3_600 * hours) }
}
