import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
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

@Suite("sweeper", .timeLimit(.minutes(10)))
struct SweeperTests {
    @Test("sweeps at the deadline, not before, and once")
    func atDeadline() async throws {
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
        try await clock.waitForSleeper(until: deadline)
        clock.advance(by: .seconds(9))
        #expect(clock.sleeperCount == 1)
        #expect(sweeps.count == 0)
        clock.advance(by: .seconds(1))
        await sweeps.waitForNext()
        let later = clock.now() + .seconds(5)
        sweeper.note(later)
        try await clock.waitForSleeper(until: later)
        #expect(sweeps.count == 1)
        task.cancel()
        await task.value
        #expect(clock.sleeperCount == 0)
    }

    @Test("an earlier deadline that is set later wakes it")
    func earlier() async throws {
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
        try await clock.waitForSleeper(until: late)
        sweeper.note(early)
        try await clock.waitForSleeper(until: early)
        clock.advance(by: .seconds(10))
        await sweeps.waitForNext()
        try await clock.waitForSleeper(until: late)
        #expect(sweeps.count == 1)
        task.cancel()
        await task.value
    }

    @Test("without a deadline it waits for one, and it can be cancelled there")
    func withoutDeadline() async throws {
        let clock = ManualClock()
        let sweeper = Sweeper(clock: clock, next: nil)
        let sweeps = Sweeps()
        let task = Task { await sweeper.run { sweeps.add() } }
        task.cancel()
        await task.value
        #expect(sweeps.count == 0)
    }

    @Test("a sweep that nobody answers is tried again after a while, not at once")
    func triesAgain() async throws {
        let clock = ManualClock()
        let deadline = clock.now() + .seconds(10)
        let sweeper = Sweeper(clock: clock, next: deadline)
        let sweeps = Sweeps()
        let task = Task {
            await sweeper.run {
                sweeps.add()
                if sweeps.count == 4 { sweeper.note(nil) }
            }
        }
        try await clock.waitForSleeper(until: deadline)
        clock.advance(by: .seconds(10))
        for count in 1...3 {
            let next = clock.now() + Sweeper.retryDelay
            try await clock.waitForSleeper(until: next)
            #expect(sweeps.count == count)
            clock.advance(by: Sweeper.retryDelay - .microseconds(1))
            #expect(clock.sleeperCount == 1)
            clock.advance(by: .microseconds(1))
        }
        for _ in 1...4 { await sweeps.waitForNext() }
        let later = clock.now() + .seconds(5)
        sweeper.note(later)
        try await clock.waitForSleeper(until: later)
        #expect(sweeps.count == 4)
        task.cancel()
        await task.value
    }

    @Test("a deadline that is told while it waits to try again is kept to, be it later than the one that was due")
    func toldMeanwhile() async throws {
        let clock = ManualClock()
        let deadline = clock.now() + .seconds(10)
        let sweeper = Sweeper(clock: clock, next: deadline)
        let sweeps = Sweeps()
        let task = Task { await sweeper.run { sweeps.add() } }
        try await clock.waitForSleeper(until: deadline)
        clock.advance(by: .seconds(10))
        try await clock.waitForSleeper(until: clock.now() + Sweeper.retryDelay)
        // Another batch has expired what was due.
        let soon = clock.now() + .milliseconds(1)
        sweeper.note(soon)
        try await clock.waitForSleeper(until: soon)
        #expect(sweeps.count == 1)
        task.cancel()
        await task.value
    }

    @Test("a deadline that is the same again is no failure")
    func sameAgain() async throws {
        let clock = ManualClock()
        let sweeper = Sweeper(clock: clock, next: clock.now())
        let sweeps = Sweeps()
        let task = Task {
            await sweeper.run {
                sweeps.add()
                sweeper.note(sweeps.count < 3 ? clock.now() : nil)
            }
        }
        for _ in 1...3 { await sweeps.waitForNext() }
        task.cancel()
        await task.value
    }

    @Test("what a home fails to expire for a while expires when it can, once")
    func failsForAWhile() async throws {
        let clock = ManualClock()
        let engine = ScriptedEngine()
        let isFailing = Atomic(true)
        let failures = Atomic(0)
        let store = try await Keyspace.open(engine, clock: clock)
        try await store.set("key", "1", expiry: .after(.seconds(10)))
        engine.refuse { changes in
            guard changes?.events.contains(where: { $0.kind == .expired }) == true else { return nil }
            guard isFailing.load(ordering: .acquiring) else { return nil }
            failures.add(1, ordering: .relaxed)
            return StoreError(.storageFailed, "not now")
        }
        var updates = try await store.watch(WatchRequest(range: .all, kinds: [.expired])).makeAsyncIterator()
        #expect(try await updates.next() == .progress(1))
        try await clock.waitForSleeper(until: clock.now() + .seconds(10))
        clock.advance(by: .seconds(10))
        for tries in 1...5 {
            try await clock.waitForSleeper(until: clock.now() + Sweeper.retryDelay)
            #expect(failures.load(ordering: .relaxed) >= tries)
            // Nothing is written while it can't be told what of it has expired.
            let error = await #expect(throws: StoreError.self) { try await store.set("other", "1") }
            #expect(error?.code == .storageFailed)
            clock.advance(by: Sweeper.retryDelay)
        }
        try await clock.waitForSleeper(until: clock.now() + Sweeper.retryDelay)
        isFailing.store(false, ordering: .releasing)
        clock.advance(by: Sweeper.retryDelay)
        var expired: [Event] = []
        while expired.isEmpty, let update = try await updates.next() {
            if case .events(let events) = update { expired = events }
        }
        #expect(expired.map(\.key) == ["key"])
        let next = try await store.set("key", "2")
        #expect(next.version == 3 && next.updatedRef == 3)
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
        // More than fit into a batch end in others, between those of callers.
        try await eventually("the leases have ended") { try await store.leases(from: 0, limit: 1).isEmpty }
        let status = try await store.status()
        #expect(status.headRef == Ref(Int64(count * 2)))
        await store.close()
    }

    @Test("in a store that is closed nothing ends any more: leases and locks stay as they are, and go on when it opens")
    func closed() async throws {
        let clock = ManualClock()
        let engine = MemoryEngine()
        let store = try await Keyspace.open(engine, clock: clock)
        for number in 0..<10 {
            let key = Key("k\(number)")
            try await store.set(key, "1", expiry: .lifespan(.seconds(600)))
            try await store.lock(key, for: .seconds(600), clientID: "ann")
        }
        let before = try EngineDriver(engine).image()
        #expect(before.leases.count == 10 && before.locks.count == 10)
        await store.close()
        #expect(clock.sleeperCount == 0)
        clock.advance(by: .seconds(3_600))
        #expect(try EngineDriver(engine).image() == before)
        let again = try await Keyspace.open(engine, clock: clock)
        _ = try await again.commit(Transaction(then: []))
        let after = try EngineDriver(engine).image()
        #expect(after.liveKeys.isEmpty && after.leases.isEmpty && after.locks.isEmpty)
        await again.close()
    }
}
