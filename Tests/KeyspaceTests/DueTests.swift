import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

/// Leases and locks whose deadline has passed, and are more than fit into a batch.
@Suite("what is due")
struct DueTests {
    private let start = Timestamp(microseconds: 1)
    private var later: Timestamp { start + .seconds(60) }
    private let lease = LeaseID.firstChosen

    /// A store with so many keys on a lease that is due.
    private func engine(keys count: Int) throws -> MemoryEngine {
        let engine = MemoryEngine()
        let keys = (0..<count).map { Key("k\($0 + 10_000)") }
        let driver = EngineDriver(engine)
        _ = try driver.commit([Transaction(then: [.grantLease(id: lease, duration: .seconds(60))])], at: start)
        for start in stride(from: 0, to: count, by: 1_000) {
            let sets = keys[start..<min(start + 1_000, count)].map { Operation.set($0, "1", lease: lease) }
            _ = try driver.commit([Transaction(then: sets)], at: self.start)[0].get()
        }
        return engine
    }

    /// Runs a batch, and returns its events and what it was asked.
    @discardableResult
    private func run(
        _ engine: MemoryEngine, at now: Timestamp, _ decide: (inout Batch) throws(StoreError) -> Void
    ) throws -> (events: [Event], counts: ViewCounts) {
        let counts = ViewCounts()
        var changes: Changes?
        try engine.commit { (view) throws(StoreError) in
            var batch = try Batch(view: CountingView(view: view, counts: counts), now: now, limits: .standard)
            try decide(&batch)
            changes = batch.changes
            return changes
        }
        return (changes?.events ?? [], counts)
    }

    @Test("a lease ends in one transaction with as many keys as a batch may end", arguments: [1, Batch.dueKeys])
    func oneTransaction(count: Int) throws {
        let engine = try engine(keys: count)
        let (events, counts) = try run(engine, at: later) { (batch) throws(StoreError) in
            try batch.expireDue()
            #expect(!batch.isBehind)
        }
        #expect(events.count == count)
        #expect(events.allSatisfy { $0.kind == .expired && $0.transactionCount == events[0].transactionCount })
        #expect(counts.questions <= 8)
        try engine.read { (view) throws(StoreError) in #expect(try view.leases([lease]).isEmpty) }
    }

    @Test("a lease with more keys ends in pieces, in the order of its keys, and goes with the last")
    func pieces() throws {
        let count = 2 * Batch.dueKeys + 1
        let engine = try engine(keys: count)
        var keys: [Key] = []
        for piece in 0..<3 {
            try engine.read { (view) throws(StoreError) in #expect(try view.leases([lease])[lease] != nil) }
            let (events, counts) = try run(engine, at: later) { (batch) throws(StoreError) in
                try batch.expireDue()
                #expect(batch.isBehind == (piece < 2))
            }
            #expect(events.count <= Batch.dueKeys)
            #expect(counts.rows <= 4 * Batch.dueKeys)
            keys += events.map(\.key)
        }
        #expect(keys == keys.sorted())
        #expect(keys.count == count)
        try engine.read { (view) throws(StoreError) in #expect(try view.leases([lease]).isEmpty) }
    }

    @Test("a transaction between the pieces finds the keys that it comes to ended, and the lease gone")
    func between() throws {
        let engine = try engine(keys: 2 * Batch.dueKeys)
        try run(engine, at: later) { (batch) throws(StoreError) in try batch.expireDue() }
        let last = Key("k\(9_999 + 2 * Batch.dueKeys)")
        let (events, _) = try run(engine, at: later) { (batch) throws(StoreError) in
            batch.isBehind = true
            let answers = try batch.decide([
                Transaction(then: [.keepAlive(lease)]), Transaction(then: [.set("new", "1", lease: lease)]),
                Transaction(then: [.expireLease(lease)]), Transaction(then: [.touch(last)]),
                Transaction(if: [Condition(last, .absent)], then: [.set(last, "2")]),
                Transaction(then: [.deleteRange(KeyRange(prefix: "k1398"))]),
            ])
            let answered = answers.map { PlainModel.Answer($0) }
            #expect(
                answered[0...3] == [
                    .refused(.leaseNotFound), .refused(.leaseNotFound), .refused(.leaseNotFound),
                    .refused(.keyNotFound),
                ])
            #expect(try answers[4].get().failedCondition == nil)
            #expect(try answers[5].get().results == [.deleted([])])
        }
        #expect(events.first { $0.key == last }?.kind == .expired)
        #expect(events.last { $0.key == last }?.kind == .created)
        #expect(events.filter { $0.key.hasPrefix("k1398") }.allSatisfy { $0.kind == .expired })
        // What was set between the pieces has another lease, and stays.
        try EngineDriver(engine).expireDue(at: later)
        #expect(try EngineDriver(engine).image().liveKeys == [last])
    }

    @Test("a thousand leases and more that are due are asked for together, those with few keys first")
    func manyLeases() throws {
        let engine = try engine(keys: 2 * Batch.dueKeys)
        let driver = EngineDriver(engine)
        for group in 0..<3 {
            let sets = (0..<300).map { Transaction(then: [.set(Key("s\(group)/\($0)"), "1", expiry: .at(later))]) }
            _ = try driver.commit(sets, at: start)
        }
        let (events, counts) = try run(engine, at: later) { (batch) throws(StoreError) in
            try batch.expireDue()
            #expect(batch.isBehind)
        }
        #expect(events.filter { $0.key.hasPrefix("s") }.count == 900)
        #expect(events.count <= Batch.dueKeys)
        #expect(counts.questions <= 16)
    }

    @Test("a lock that is due and has to wait for its batch keeps nobody from its key")
    func locks() throws {
        let engine = MemoryEngine()
        let driver = EngineDriver(engine)
        let lock = Transaction(
            then: [.lock("k", duration: .seconds(60), createIfMissing: true)], clientID: "ann")
        _ = try driver.commit([lock], at: start)
        let (events, _) = try run(engine, at: later) { (batch) throws(StoreError) in
            batch.isBehind = true
            #expect(try batch.decide([Transaction(then: [.set("k", "2")], clientID: "bob")])[0].get().ref == 4)
        }
        #expect(events.map(\.kind) == [.unlocked, .updated])
    }
}
