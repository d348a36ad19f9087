import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

/// What the rules make of locks within one batch.
@Suite("locks in a batch")
struct LockRulesTests {
    private let now = Timestamp(microseconds: 1_000_000)

    private func driverWithLockedKey() throws -> EngineDriver {
        let driver = EngineDriver(MemoryEngine())
        _ = try driver.commit(
            [Transaction(then: [.set("key", "1"), .lock("key", duration: .seconds(60))], clientID: "ann")], at: now)
        return driver
    }

    private func code(_ answer: Result<TransactionResult, StoreError>) -> StoreError.Code? {
        if case .failure(let error) = answer { error.code } else { nil }
    }

    @Test("a lock that ended in a transaction that failed holds for the next one")
    func failedEnd() throws {
        let driver = try driverWithLockedKey()
        let lease = driver.events[0].leaseID
        for ending in [[.expireLease(lease)], [.clear(.all, force: true)]] as [[CairnModel.Operation]] {
            let answers = try driver.commit(
                [
                    Transaction(then: ending + [.expireLease(999)], clientID: "bob"),
                    Transaction(then: [.set("key", "2")], clientID: "bob"),
                    Transaction(then: [.set("key", "3")], clientID: "ann"),
                ], at: now)
            #expect(answers.map(code) == [.leaseNotFound, .keyLocked, nil])
        }
    }

    @Test("what one transaction locks, the next one finds locked; what it unlocks, free")
    func sameBatch() throws {
        let driver = try driverWithLockedKey()
        let answers = try driver.commit(
            [
                Transaction(then: [.unlock("key")], clientID: "ann"),
                Transaction(then: [.lock("key", duration: .seconds(1))], clientID: "bob"),
                Transaction(then: [.set("key", "2")], clientID: "ann"),
                Transaction(then: [.unlock("key"), .set("key", "3")], clientID: "bob"),
                Transaction(then: [.set("key", "4")], clientID: "ann"),
            ], at: now)
        #expect(answers.map(code) == [nil, nil, .keyLocked, nil, nil])
        #expect(driver.events.map(\.kind) == [.created, .locked, .unlocked, .locked, .unlocked, .updated, .updated])
    }

    @Test("a transaction that fails takes its lock back, and its token may be given again")
    func failedLock() throws {
        let driver = EngineDriver(MemoryEngine())
        _ = try driver.commit([Transaction(then: [.set("key", "1")])], at: now)
        let answers = try driver.commit(
            [
                Transaction(then: [.lock("key", duration: .seconds(60)), .expireLease(999)], clientID: "ann"),
                Transaction(then: [.lock("key", duration: .seconds(60))], clientID: "bob"),
            ], at: now)
        #expect(answers.map(code) == [.leaseNotFound, nil])
        let image = try driver.image()
        #expect(image.locks.map(\.owner) == ["bob"])
        #expect(image.locks.map(\.token) == [2])
    }

    @Test("more locks than fit into one batch end before anybody is answered")
    func manyDue() throws {
        let driver = EngineDriver(MemoryEngine())
        let count = Batch.dueLeases + 10
        for first in stride(from: 0, to: count, by: 400) {
            let keys = (first..<min(first + 400, count)).map { Key("k/\($0)") }
            _ = try driver.commit(
                [
                    Transaction(
                        then: keys.map { .lock($0, duration: .seconds(1), createIfMissing: true) }, clientID: "ann")
                ], at: now)
        }
        #expect(driver.events.count == 2 * count)
        try driver.expireDue(at: now + .seconds(1))
        #expect(try driver.image().locks.isEmpty)
        #expect(driver.events.count == 3 * count)
    }
}
