import CairnMemory
import CairnModel
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnKeyspace

/// Notes sweeps, and lets a test wait for them.
private final class Sweeps: Sendable {
    private let stream: AsyncStream<Void>
    private let note: AsyncStream<Void>.Continuation
    private let number = Mutex(0)

    init() { (stream, note) = AsyncStream.makeStream() }

    var count: Int { number.withLock { $0 } }

    func add() {
        number.withLock { $0 += 1 }
        note.yield()
    }

    func waitForNext() async {
        for await _ in stream { return }
    }
}

@Suite("sweeper", .timeLimit(.minutes(1)))
struct SweeperTests {
    @Test("sweeps at the deadline, not before, and once")
    func atDeadline() async {
        let clock = ManualClock()
        let deadline = clock.now() + .seconds(10)
        let sweeper = Sweeper(clock: clock, next: deadline)
        let sweeps = Sweeps()
        let task = Task {
            await sweeper.run {
                sweeps.add()
                sweeper.note(nil)
            }
        }
        await clock.waitForSleeper(until: deadline)
        clock.advance(by: .seconds(9))
        #expect(clock.sleeperCount == 1)
        #expect(sweeps.count == 0)
        clock.advance(by: .seconds(1))
        await sweeps.waitForNext()
        let later = clock.now() + .seconds(5)
        sweeper.note(later)
        await clock.waitForSleeper(until: later)
        #expect(sweeps.count == 1)
        task.cancel()
        await task.value
        #expect(clock.sleeperCount == 0)
    }

    @Test("an earlier deadline that is set later wakes it")
    func earlier() async {
        let clock = ManualClock()
        let late = clock.now() + .seconds(100)
        let early = clock.now() + .seconds(10)
        let sweeper = Sweeper(clock: clock, next: late)
        let sweeps = Sweeps()
        let task = Task {
            await sweeper.run {
                sweeps.add()
                sweeper.note(late)
            }
        }
        await clock.waitForSleeper(until: late)
        sweeper.note(early)
        await clock.waitForSleeper(until: early)
        clock.advance(by: .seconds(10))
        await sweeps.waitForNext()
        await clock.waitForSleeper(until: late)
        #expect(sweeps.count == 1)
        task.cancel()
        await task.value
    }

    @Test("without a deadline it waits for one, and it can be cancelled there")
    func withoutDeadline() async {
        let clock = ManualClock()
        let sweeper = Sweeper(clock: clock, next: nil)
        let sweeps = Sweeps()
        let task = Task { await sweeper.run { sweeps.add() } }
        task.cancel()
        await task.value
        #expect(sweeps.count == 0)
    }

    @Test("what the home fails to expire is tried again")
    func triesAgain() async throws {
        let clock = ManualClock()
        let engine = ScriptedEngine()
        let failures = Mutex(0)
        let store = try await Keyspace.open(engine, clock: clock)
        try await store.set("key", "1", expiry: .after(.seconds(10)))
        engine.refuse { changes in
            guard changes?.events.contains(where: { $0.kind == .expired }) == true else { return nil }
            let count = failures.withLock { count in
                count += 1
                return count
            }
            return count <= 2 ? StoreError(.storageFailed, "not now") : nil
        }
        let stream = try await store.watch(WatchRequest(range: .all, kinds: [.expired]))
        await clock.waitForSleeper(until: clock.now() + .seconds(10))
        clock.advance(by: .seconds(10))
        var expired: [Event] = []
        for try await update in stream {
            if case .events(let events) = update {
                expired += events
                break
            }
        }
        #expect(expired.map(\.key) == ["key"])
        #expect(failures.withLock { $0 } == 3)
        await store.close()
    }

    @Test("a thousand leases and more that are due at once all expire, each key once")
    func many() async throws {
        let clock = ManualClock()
        let store = try await Keyspace.open(MemoryEngine(), clock: clock)
        let count = Batch.dueLeases * 2 + 7
        for start in stride(from: 0, to: count, by: 500) {
            let sets = (start..<min(start + 500, count)).map {
                CairnModel.Operation.set(Key("k\($0)"), "1", expiry: .after(.seconds(10)))
            }
            _ = try await store.commit(Transaction(then: sets))
        }
        clock.advance(by: .seconds(10))
        let result = try await store.commit(Transaction(then: [.get("k0")]))
        #expect(result.results == [.read(nil)])
        #expect(result.ref == Ref(Int64(count * 2)))
        let left = try await store.leases(from: 0, limit: 10)
        #expect(left.isEmpty)
        await store.close()
    }
}
