import CairnModel
import CairnTestSupport
import Logging
import Testing

@testable import CairnKeyspace

/// How long a batch waits for more.
@Suite(.timeLimit(.minutes(10)))
struct GatheringTests {
    @Test func oneOrTwoCallersNeverWait() {
        var gathering = Gathering()
        #expect(gathering.target == 1)
        gathering.note(transactions: 1, waiting: 0, took: .milliseconds(1))
        #expect(gathering.target == 1)
        gathering.note(transactions: 1, waiting: 1, took: .milliseconds(1))
        #expect(gathering.target == 1)
    }

    @Test func mostOfThoseWhoAreAboutMakeABatch() {
        var gathering = Gathering()
        gathering.note(transactions: 8, waiting: 56, took: .milliseconds(1))
        #expect(gathering.target == 48)
        #expect(gathering.patience == .microseconds(500))
        // They have gone.
        gathering.note(transactions: 1, waiting: 0, took: .milliseconds(1))
        #expect(gathering.target == 1)
    }

    @Test func nobodyWaitsForLong() {
        var gathering = Gathering()
        gathering.note(transactions: 8, waiting: 8, took: .seconds(30))
        #expect(gathering.patience == Gathering.longest)
        gathering.note(transactions: 0, waiting: 0, took: .zero)
        #expect(gathering.patience == .zero && gathering.target == 1)
    }

    @Test func everybodyIsAnsweredHoweverManyCome() async throws {
        let engine = ScriptedEngine(gathersBatches: true)
        let store = try await Keyspace.open { () throws(StoreError) in engine }
        for callers in [1, 20, 1, 3, 50, 2] {
            // With one batch held, the others gather behind it.
            engine.holdNextCommit()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<callers {
                    group.addTask { for _ in 0..<20 { try await store.set(Key("k/\(caller)"), "v") } }
                }
                try await engine.waitUntilHeld()
                engine.release()
                try await group.waitForAll()
            }
        }
        // Every set is there, and they shared commits.
        #expect(try await store.status().headRef == Ref(77 * 20))
        #expect(engine.commits < 77 * 20)
        await store.close()
    }
}
