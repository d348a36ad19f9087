import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Foundation
import Synchronization
import Testing

@testable import CairnKeyspace

/// Who runs batches, whose turn it is, and who gives up meanwhile.
@Suite("committer: turns", .timeLimit(.minutes(10)))
struct TurnTests {
    @Test("a caller works for others only for a moment, and leaves the rest to a thread")
    func handsOver() async throws {
        var batch = Committer.BatchLimits(transactions: 1)
        batch.callerTime = .zero
        let bench = CommitterBench(ScriptedEngine(blocks: false), batch: batch)
        bench.engine.holdNextCommit()
        // A thread of its own, as it is held in the middle of the commit.
        Thread.detachNewThread { bench.committer.commit(Transaction(then: [.set("first", "1")])) { _ in } }
        try await bench.engine.waitUntilHeld()
        async let second = bench.set("second")
        async let third = bench.set("third")
        try await bench.waitForWaiting(2)
        bench.engine.release()
        #expect(await second.code == nil)
        #expect(await third.code == nil)
        let runners = bench.engine.runners
        #expect(runners.allSatisfy { !$0.isTask })
        #expect(runners[1].thread != runners[0].thread && runners[1].thread == runners[2].thread)
        await bench.committer.close()
    }

    @Test("a large transaction is no work for a caller, whose thread others need")
    func largeOnThread() async throws {
        let bench = CommitterBench(ScriptedEngine(blocks: false))
        _ = await bench.set("a")
        _ = await bench.commit((0..<200).map { .set(Key("k\($0)"), "1") })
        _ = await bench.commit([.deleteRange(.all)])
        #expect(bench.engine.runners.map(\.isTask) == [true, false, false])
        await bench.committer.close()
    }

    @Test("what a batch has no time for goes into the next one, in order")
    func batchTime() async throws {
        var batch = Committer.BatchLimits()
        batch.time = .zero
        let bench = CommitterBench(batch: batch)
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        try await withThrowingTaskGroup(of: StoreError.Code?.self) { group in
            for number in 0..<5 {
                let sets = (100..<300).map { CairnModel.Operation.set(Key("k\(number)/\($0)"), "1") }
                group.addTask { await bench.commit(sets).code }
                try await bench.waitForWaiting(number + 1)
            }
            bench.engine.release()
            for try await code in group { #expect(code == nil) }
        }
        #expect(await first.code == nil)
        #expect(bench.engine.commits == 1 + 5)
        let keys = try bench.engine.read { (view) throws(StoreError) in
            try view.events(from: 2, limit: .max, bytes: .max).map(\.key)
        }
        #expect(keys == (0..<5).flatMap { number in (100..<300).map { Key("k\(number)/\($0)") } })
        await bench.committer.close()
    }

    @Test("a call that is cancelled before its batch begins is answered at once, and nothing is done")
    func cancelled() async throws {
        let bench = CommitterBench()
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        async let other = bench.set("other")
        try await bench.waitForWaiting(1)
        let task = Task { await bench.set("given up") }
        try await bench.waitForWaiting(2)
        task.cancel()
        // The batch before it is still held.
        guard case .failure(let error) = await task.value else {
            Issue.record("it was not cancelled")
            return bench.engine.release()
        }
        #expect(error.code == .cancelled)
        #expect(error.retry == .safe)
        bench.engine.release()
        #expect(await first.code == nil)
        #expect(await other.code == nil)
        #expect(try bench.engine.base.lookUp(["given up"]).isEmpty)
        // And one that was cancelled before it came.
        let late = Task {
            // Ends with the cancellation.
            try? await Task.sleep(for: standardWait)
            return await bench.set("too late")
        }
        late.cancel()
        #expect(await late.value.code == .cancelled)
        #expect(try bench.engine.base.lookUp(["too late"]).isEmpty)
        await bench.committer.close()
    }

    @Test("thousands of cancelled calls leave no trace, and none of the limits on what waits")
    func manyCancelled() async throws {
        var limits = Limits.standard
        limits.waitingTransactions = 2_000
        let bench = CommitterBench(limits: limits)
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        for _ in 0..<5 {
            let tasks = (0..<1_500).map { number in Task { await bench.set(Key("k\(number)")).code } }
            for task in tasks { task.cancel() }
            for task in tasks { #expect(await task.value == .cancelled) }
        }
        #expect(bench.committer.waitingCount <= 1_500)
        bench.engine.release()
        #expect(await first.code == nil)
        #expect(bench.engine.commits == 1 || bench.hub.head == 1)
        await bench.committer.close()
    }

    @Test("a call without a task that nobody waits for any more when its batch begins is not done")
    func unwanted() async throws {
        let bench = CommitterBench()
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        let isWanted = Mutex(true)
        // The committer answers each call once.
        let answer = await withCheckedContinuation { (answered: CheckedContinuation<Committer.Answer, Never>) in
            bench.committer.commit(
                Transaction(then: [.set("given up", "1")]), isWanted: { isWanted.withLock { $0 } },
                answer: { answered.resume(returning: $0) })
            isWanted.withLock { $0 = false }
            bench.engine.release()
        }
        #expect(answer.code == .cancelled)
        #expect(await first.code == nil)
        #expect(try bench.engine.base.lookUp(["given up"]).isEmpty)
        await bench.committer.close()
    }

    @Test("callers' batches go between the pieces of a lease that ends with very many keys", arguments: [true, false])
    func betweenPieces(blocks: Bool) async throws {
        let bench = CommitterBench(ScriptedEngine(blocks: blocks))
        let lease = LeaseID.firstChosen
        _ = await bench.commit([.grantLease(id: lease, duration: .seconds(10))])
        let count = 3 * Batch.dueKeys
        for start in stride(from: 0, to: count, by: 500) {
            _ = await bench.commit((start..<start + 500).map { .set(Key("k\($0)"), "1", lease: lease) })
        }
        bench.clock.advance(by: .seconds(10))
        bench.engine.holdNextCommit()
        // A thread of its own, as it is held in the middle of the commit.
        let committer = bench.committer
        Thread.detachNewThread { committer.commit(Transaction(then: [.set("one", "1")])) { _ in } }
        try await bench.engine.waitUntilHeld()
        async let two = bench.set("two")
        try await bench.waitForWaiting(1)
        bench.engine.release()
        guard case .success(let result) = await two else {
            Issue.record("the set was refused")
            return
        }
        try await eventually("the lease has ended") { bench.hub.head.rawValue >= Int64(2 * count + 2) }
        // One piece with the first set, then the second one, then the rest.
        #expect(result.ref.rawValue <= Int64(count + 1 + Batch.dueKeys + 1))
        #expect(bench.hub.head.rawValue == Int64(2 * count + 2))
        let last = try bench.engine.read { (view) throws(StoreError) in
            try view.events(from: bench.hub.head, limit: 1, bytes: 1).first
        }
        #expect(last?.kind == .expired)
        await bench.committer.close()
    }

    @Test("when the home stays away all that wait are told with the batch that found out")
    func outage() async throws {
        let bench = CommitterBench(batch: .init(transactions: 1))
        bench.engine.holdNextCommit()
        async let first = bench.set("first")
        try await bench.engine.waitUntilHeld()
        bench.engine.refuse { _ in StoreError(.unavailable, "it is away", retry: .unknownOutcome) }
        let answers = try await withThrowingTaskGroup(of: StoreError?.self) { group in
            for number in 0..<10 {
                group.addTask {
                    guard case .failure(let error) = await bench.set(Key("k\(number)")) else { return nil }
                    return error
                }
            }
            try await bench.waitForWaiting(10)
            bench.engine.release()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0?.code == .unavailable && $0?.retry == .safe })
        #expect(await first.code == .unavailable)
        #expect(bench.engine.commits == 1)
        bench.engine.refuse { _ in nil }
        #expect(await bench.set("after").code == nil)
        #expect(bench.hub.head == 1)
        await bench.committer.close()
    }
}
