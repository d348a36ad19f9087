import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Testing

@testable import CairnKeyspace

@Suite("committer", .timeLimit(.minutes(10)))
struct CommitterTests {
    @Test("what waits while a batch is committed becomes one batch")
    func groups() async throws {
        let bench = CommitterBench()
        let answers = try await bench.setBehindAHeldCommit((0..<50).map { Key("k\($0)") })
        #expect(answers.allSatisfy { $0.code == nil })
        #expect(bench.engine.commits == 2)
        #expect(bench.hub.head == 51)
        await bench.committer.close()
    }

    @Test("a batch holds no more transactions and bytes than it may, and at least one transaction")
    func splits() async throws {
        let byCount = CommitterBench(batch: .init(transactions: 10, bytes: .max))
        _ = try await byCount.setBehindAHeldCommit((0..<35).map { Key("k\($0)") })
        #expect(byCount.engine.commits == 1 + 4)
        await byCount.committer.close()
        let byBytes = CommitterBench(batch: .init(transactions: .max, bytes: 1))
        _ = try await byBytes.setBehindAHeldCommit((0..<5).map { Key("k\($0)") })
        #expect(byBytes.engine.commits == 1 + 5)
        await byBytes.committer.close()
    }

    @Test("one caller's failure doesn't disturb the others of its batch")
    func isolatesFailures() async throws {
        let bench = CommitterBench()
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        async let good = bench.set("good")
        async let bad = bench.commit([.set("bad", "1"), .set("bad", "1", lease: 99)])
        async let other = bench.set("other")
        try await bench.waitForWaiting(3)
        bench.engine.release()
        #expect(await bad.code == .leaseNotFound)
        #expect(await first.code == nil)
        #expect(await good.code == nil)
        #expect(await other.code == nil)
        #expect(bench.engine.commits == 2)
        #expect(bench.hub.head == 3)
        await bench.committer.close()
    }

    @Test("a batch that the home refuses is tried one by one, so that only the culprit fails")
    func retriesAlone() async throws {
        let bench = CommitterBench()
        bench.engine.refuse { changes in
            changes?.events.contains { $0.key == "poison" } == true ? StoreError(.storageFailed, "poisoned") : nil
        }
        let answers = try await bench.setBehindAHeldCommit(["a", "poison", "b"])
        let poisoned = answers.filter { $0.code == .storageFailed }
        #expect(poisoned.count == 1)
        #expect(answers[1].code == .storageFailed)
        #expect(bench.engine.commits == 1 + 1 + 3)
        #expect(bench.hub.head == 3)
        await bench.committer.close()
    }

    @Test("a batch whose outcome is unknown is not tried again")
    func unknownOutcome() async throws {
        let bench = CommitterBench()
        bench.engine.refuse { changes in
            changes?.events.contains { $0.key == "a" } == true
                ? StoreError(.unavailable, "the connection broke", retry: .unknownOutcome) : nil
        }
        let answers = try await bench.setBehindAHeldCommit(["a", "b"])
        #expect(answers.map(\.code) == [.unavailable, .unavailable])
        #expect(bench.engine.commits == 2)
        await bench.committer.close()
    }

    @Test("more than may wait is refused as overload, and may be tried again", arguments: [3, 10])
    func overload(most: Int) async throws {
        var limits = Limits.standard
        limits.waitingTransactions = most
        let bench = CommitterBench(limits: limits)
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        try await withThrowingTaskGroup(of: StoreError.Code?.self) { group in
            for number in 0..<most { group.addTask { await bench.set(Key("k\(number)")).code } }
            try await bench.waitForWaiting(most)
            let refused = await bench.set("one more")
            guard case .failure(let error) = refused else {
                Issue.record("it was not refused")
                return bench.engine.release()
            }
            #expect(error.code == .overloaded)
            #expect(error.retry == .safe)
            bench.engine.release()
            for try await code in group { #expect(code == nil) }
        }
        #expect(await first.code == nil)
        #expect(await bench.set("one more").code == nil)
        await bench.committer.close()
    }

    @Test("more bytes than may wait are refused too")
    func overloadOfBytes() async throws {
        var limits = Limits.standard
        limits.waitingBytes = 100
        let bench = CommitterBench(limits: limits)
        let large = Value(bytes: Array(repeating: 0, count: 60))
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        async let second = bench.set("a", large)
        try await bench.waitForWaiting(1)
        #expect(await bench.set("b", large).code == .overloaded)
        bench.engine.release()
        #expect(await first.code == nil)
        #expect(await second.code == nil)
        await bench.committer.close()
    }

    @Test("closing waits for the writes that were accepted, and refuses later ones")
    func close() async throws {
        let bench = CommitterBench()
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        async let second = bench.set("second")
        try await bench.waitForWaiting(1)
        async let closing: Void = bench.committer.close()
        try await eventually("the committer is closed") { bench.committer.isClosed }
        #expect(await bench.set("late").code == .closed)
        bench.engine.release()
        await closing
        #expect(await first.code == nil)
        #expect(await second.code == nil)
        #expect(await bench.set("later").code == .closed)
        await bench.committer.sweep()
    }

    @Test("events of another process are noticed before our own, and in order")
    func foreign() async throws {
        let bench = CommitterBench()
        _ = await bench.set("mine")
        let other = EngineDriver(bench.engine.base)
        _ = try other.commit([Transaction(then: [.set("theirs", "1")])], at: bench.clock.now())
        #expect(bench.hub.head == 1)
        // A write notices them anyway; without one a sweep does, when the engine says that there may be some.
        await bench.committer.sweep()
        #expect(bench.hub.head == 1)
        bench.engine.setForeignChanges(true)
        await bench.committer.sweep()
        #expect(bench.hub.head == 2)
        bench.engine.setForeignChanges(false)
        _ = try other.commit([Transaction(then: [.set("theirs", "2")])], at: bench.clock.now())
        _ = await bench.set("mine", "2")
        #expect(bench.hub.head == 4)
        await bench.committer.close()
    }

    @Test("an engine that doesn't block is written by its callers, all at once")
    func withoutThread() async throws {
        let bench = CommitterBench(ScriptedEngine(blocks: false))
        try await withThrowingTaskGroup(of: StoreError.Code?.self) { group in
            for number in 0..<200 { group.addTask { await bench.set(Key("k\(number % 9)")).code } }
            for try await code in group { #expect(code == nil) }
        }
        #expect(bench.hub.head == 200)
        await bench.committer.close()
    }
}
