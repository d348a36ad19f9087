import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

/// A transaction of a thousand operations, and what was there before.
struct LargeTransaction: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var before: [Transaction] = []
    let transaction: Transaction
    /// The code that it is refused with; `nil` if it is done.
    var refusal: StoreError.Code?

    static let keys = (0..<1_000).map { Key("k\($0 + 1_000)") }
    static let now = Timestamp(microseconds: 1)

    typealias Operations = [CairnModel.Operation]

    private init(
        _ name: String, after before: [Transaction] = [], _ operations: Operations, by client: String = "",
        refusal: StoreError.Code? = nil
    ) {
        self.init(
            name, after: before, Transaction(then: operations, clientID: client), refusal: refusal)
    }

    init(
        _ name: String, after before: [Transaction] = [], _ transaction: Transaction,
        refusal: StoreError.Code? = nil
    ) {
        testDescription = name
        self.before = before
        self.transaction = transaction
        self.refusal = refusal
    }

    static let all: [LargeTransaction] =
        ofKeys(.keep) + ofKeys(.after(.seconds(60))) + ofKeys(.lifespan(.seconds(60))) + ofLeases + ofLocks
        + ofConsumers

    private static func each(_ operation: (Key, Int) -> CairnModel.Operation) -> Operations {
        keys.enumerated().map { operation($0.element, $0.offset) }
    }

    private static func granted(_ number: Int) -> LeaseID { LeaseID(LeaseID.firstChosen.rawValue + Int64(number)) }

    private static func made(_ number: Int) -> LeaseID { LeaseID(Int64(number + 1)) }

    private static func sets(_ expiry: Expiry) -> [Transaction] {
        each { key, _ in .set(key, "1", expiry: expiry) }.map { Transaction(then: [$0]) }
    }

    private static func ofKeys(_ expiry: Expiry) -> [LargeTransaction] {
        let before = sets(expiry)
        let ranges = each { key, _ in .deleteRange(KeyRange(single: key)) }
        let half = keys.prefix(500)
        let target = Transaction(then: [.grantLease(id: granted(1), duration: nil)])
        return [
            LargeTransaction("deletes, \(expiry)", after: before, each { key, _ in .delete(key) }),
            LargeTransaction("a range, \(expiry)", after: before, [.deleteRange(.all)]),
            LargeTransaction("ranges, \(expiry)", after: before, ranges),
            LargeTransaction(
                "ranges to clear, \(expiry)", after: before,
                each { key, _ in .clear(KeyRange(single: key), force: false) }),
            LargeTransaction(
                "deadlines, \(expiry)", after: before, each { key, _ in .set(key, "2", expiry: .after(.seconds(5))) }),
            LargeTransaction("sets, \(expiry)", after: before, each { key, _ in .set(key, "2") }),
            LargeTransaction("touches, \(expiry)", after: before, each { key, _ in .touch(key) }),
            LargeTransaction(
                "moves, \(expiry)", after: before + [target], each { key, _ in .set(key, "2", lease: granted(1)) }),
            LargeTransaction(
                "new keys that end again, \(expiry)",
                half.map { .set($0, "1", expiry: expiry) } + half.map { .delete($0) }),
            LargeTransaction(
                "the other branch, \(expiry)", after: before,
                Transaction(if: [Condition(keys[0], .absent)], then: [.deleteRange(.all)], otherwise: ranges)),
        ]
    }

    private static var ofLeases: [LargeTransaction] {
        let leases = keys.indices.map { number in
            let beside = Key("beside \(number)")
            return Transaction(then: [
                .grantLease(id: granted(number), duration: .seconds(60)),
                .set(keys[number], "1", lease: granted(number)), .set(beside, "1", lease: granted(number)),
            ])
        }
        // Two keys on each lease, which nobody granted.
        let shared =
            sets(.after(.seconds(60)))
            + keys.indices.map { Transaction(then: [.set(Key("beside \($0)"), "1", lease: made($0))]) }
        return [
            LargeTransaction("keep-alives", after: leases, each { _, number in .keepAlive(granted(number)) }),
            LargeTransaction(
                "leases that are granted", each { _, number in .grantLease(id: granted(number), duration: nil) }),
            LargeTransaction("leases that end", after: leases, each { _, number in .expireLease(granted(number)) }),
            LargeTransaction(
                "shared leases that end", after: shared, each { _, number in .expireLease(made(number)) }),
            LargeTransaction(
                "shared leases that are left", after: shared,
                each { key, _ in .set(key, "2", expiry: .after(.seconds(5))) }),
            LargeTransaction(
                "plain leases that end", after: sets(.keep), each { _, number in .expireLease(made(number)) }),
            LargeTransaction(
                "leases that aren't there", after: leases,
                each { _, number in .keepAlive(granted(number == 999 ? 9_999 : number)) }, refusal: .leaseNotFound),
        ]
    }

    private static var ofLocks: [LargeTransaction] {
        let locks = keys.map {
            Transaction(then: [.lock($0, duration: .seconds(60), createIfMissing: true)], clientID: "ann")
        }
        return [
            LargeTransaction("sets of locked keys", after: locks, each { key, _ in .set(key, "2") }, by: "ann"),
            LargeTransaction("deletions of locked keys", after: locks, each { key, _ in .delete(key) }, by: "ann"),
            LargeTransaction("unlocks", after: locks, each { key, _ in .unlock(key) }, by: "ann"),
            LargeTransaction(
                "a range of locked keys", after: locks, [.deleteRange(.all)], by: "bob", refusal: .keyLocked),
        ]
    }

    private static var ofConsumers: [LargeTransaction] {
        let consumers = keys.indices.map { Transaction(then: [.acknowledge(consumer: "c\($0)", through: 0)]) }
        return [
            LargeTransaction(
                "acknowledgements", after: sets(.keep),
                each { _, number in .acknowledge(consumer: "c\(number)", through: Ref(Int64(number))) }),
            LargeTransaction(
                "consumers that go", after: consumers, each { _, number in .deleteConsumer("c\(number)") }),
        ]
    }
}

@Suite("batch")
struct BatchTests {
    /// Decides a transaction, and returns its answer, what was asked, and how often it was tried.
    private func decide(
        _ large: LargeTransaction, limits: Limits = .standard
    ) throws -> (answer: Result<TransactionResult, StoreError>, counts: ViewCounts, attempts: Int) {
        let engine = MemoryEngine()
        for answer in try EngineDriver(engine).commit(large.before, at: LargeTransaction.now) { _ = try answer.get() }
        let counts = ViewCounts()
        var answer: Result<TransactionResult, StoreError>?
        var attempts = 0
        try engine.commit { (view) throws(StoreError) in
            let counting = CountingView(view: view, counts: counts)
            var batch = try Batch(view: counting, now: LargeTransaction.now, limits: limits)
            answer = try batch.decide([large.transaction]).first
            attempts = batch.attempts
            return nil
        }
        return (try #require(answer), counts, attempts)
    }

    /// What a rule needs is loaded when it asks, and the rule starts anew; so what can be foreseen must be, or a large
    /// transaction takes time in the square of its size, and a round trip for each operation.
    @Test(
        "a large transaction asks a few questions and isn't tried anew for each key", arguments: LargeTransaction.all)
    func questions(large: LargeTransaction) throws {
        let (answer, counts, attempts) = try decide(large)
        switch answer {
        case .success: #expect(large.refusal == nil)
        case .failure(let error): #expect(error.code == large.refusal, "\(error)")
        }
        #expect(attempts <= 2)
        #expect(counts.questions <= 8)
    }

    @Test("a branch that turns out to be taken after all costs a few questions as well")
    func otherBranch() throws {
        let engine = MemoryEngine()
        let keys = LargeTransaction.keys
        let before = keys.map { Transaction(then: [.set($0, "1", expiry: .after(.seconds(9)))]) }
        _ = try EngineDriver(engine).commit(before, at: LargeTransaction.now)
        let counts = ViewCounts()
        try engine.commit { (view) throws(StoreError) in
            let counting = CountingView(view: view, counts: counts)
            var batch = try Batch(view: counting, now: LargeTransaction.now, limits: .standard)
            let answers = try batch.decide([
                Transaction(then: [.set("flag", "1")]),
                Transaction(
                    if: [Condition("flag", .present)], then: keys.map { .deleteRange(KeyRange(single: $0)) }),
            ])
            #expect(try answers[1].get().results.count == 1_000)
            #expect(batch.attempts <= 4)
            return batch.changes
        }
        #expect(counts.questions <= 12)
        #expect(try EngineDriver(engine).image().liveKeys == ["flag"])
    }

    @Test("a lease with more keys than may end is refused by their count, before any of them is read")
    func tooManyKeys() throws {
        var limits = Limits.standard
        limits.transactionEvents = 100
        let lease = LeaseID.firstChosen
        let before =
            [Transaction(then: [.grantLease(id: lease, duration: nil)])]
            + LargeTransaction.keys.map { Transaction(then: [.set($0, "1", lease: lease)]) }
        let large = LargeTransaction("too many", after: before, Transaction(then: [.expireLease(lease)]))
        let (answer, counts, _) = try decide(large, limits: limits)
        #expect(throws: StoreError.self) { try answer.get() }
        #expect(counts.records == 0)
        #expect(counts.rows < 200)
        limits.transactionEvents = 1_000
        #expect(try decide(large, limits: limits).answer.get().results.count == 1)
    }

    @Test("a lease with too many keys among others that end is refused, whatever is known of it")
    func tooManyAmongOthers() throws {
        var limits = Limits.standard
        limits.transactionEvents = 100
        let shared = Transaction(then: [.set("first", "1", expiry: .after(.seconds(60)))])
        let sets = (0..<300).map { Transaction(then: [.set(Key("s\($0)"), "1", lease: 1)]) }
        let others = (0..<50).map { number in
            Transaction(then: [.set(Key("o\(number)"), "1"), .set(Key("p\(number)"), "1", expiry: .after(.seconds(9)))])
        }
        let ends = (2..<102).map { CairnModel.Operation.expireLease(LeaseID(Int64($0))) }
        let large = LargeTransaction(
            "too many", after: [shared] + sets + others,
            Transaction(then: [.keepAlive(1), .delete("s1"), .delete("s2")] + ends.prefix(60) + [.expireLease(1)]))
        let (answer, counts, attempts) = try decide(large, limits: limits)
        #expect(PlainModel.Answer(answer) == .refused(.transactionTooLarge))
        #expect(attempts <= 4)
        #expect(counts.rows < 1_000)
    }

    @Test("a range with more keys than may end is refused by their count, before any of them is read")
    func tooLargeRange() throws {
        var limits = Limits.standard
        limits.transactionEvents = 100
        for operation in [CairnModel.Operation.deleteRange(.all), .clear(.all, force: true)] {
            let large = LargeTransaction(
                "too many", after: LargeTransaction.keys.map { Transaction(then: [.set($0, "1")]) },
                Transaction(then: [operation]))
            let (answer, counts, _) = try decide(large, limits: limits)
            #expect(throws: StoreError.self) { try answer.get() }
            #expect(counts.records == 0)
            #expect(counts.rows < 200)
        }
    }
}
