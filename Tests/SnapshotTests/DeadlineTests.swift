import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@Suite("snapshots: deadlines and refs after a restore")
struct DeadlineTests {
    @Test("a deadline is a time of day: what is left of it counts on, and what has passed expires first")
    func deadlines() async throws {
        let clock = ManualClock()
        let engine = MemoryEngine()
        let store = try await Keyspace.open(engine, clock: clock)
        try await store.set("short", "1", expiry: .after(.seconds(10)))
        try await store.set("long", "1", expiry: .after(.seconds(60)))
        let lease = try await store.grantLease(duration: .seconds(60))
        let kept = KeptSnapshots()
        try kept.keep(engine)
        await store.close()
        // The process is away for twenty seconds.
        let later = ManualClock(clock.now() + .seconds(20))
        let restored = try await Keyspace.open(kept.restore(), clock: later)
        let left = try await restored.lease(lease.id, withKeys: false)?.timeLeft
        #expect(left == .seconds(40), "what was left, without the time it was away")
        var events = try await restored.watch(WatchRequest(range: .all, start: .ref(3))).makeAsyncIterator()
        var expired: [Event] = []
        while expired.isEmpty, let update = try await events.next() {
            if case .events(let more) = update { expired += more }
        }
        #expect(expired.map(\.key) == ["short"] && expired[0].kind == .expired && expired[0].ref == 3)
        #expect(try await restored.get("short") == nil)
        #expect(try await restored.get("long")?.version == 1)
        later.advance(by: .seconds(40))
        while let update = try await events.next() {
            if case .events(let more) = update {
                #expect(more.map(\.key) == ["long"])
                break
            }
        }
        await restored.close()
    }

    @Test("a lock goes on for what is left of its time, and can be given back; one whose time has passed is gone")
    func locks() async throws {
        let clock = ManualClock()
        let engine = MemoryEngine()
        let store = try await Keyspace.open(engine, clock: clock)
        for key: Key in ["short", "long", "extended"] { try await store.set(key, "1") }
        try await store.lock("short", for: .seconds(10), clientID: "ann")
        let long = try await store.lock("long", for: .seconds(60), clientID: "ann")
        try await store.lock("extended", for: .seconds(10), clientID: "ann")
        clock.advance(by: .seconds(5))
        // What counts is when it was last taken.
        try await store.lock("extended", for: .seconds(60), clientID: "ann")
        let kept = KeptSnapshots()
        try kept.keep(engine)
        await store.close()
        let later = ManualClock(clock.now() + .seconds(20))
        let restoredEngine = try kept.restore()
        let restored = try await Keyspace.open(restoredEngine, clock: later)
        _ = try await restored.commit(Transaction(then: []))
        #expect(try await restored.lock(of: "short") == nil)
        #expect(try await restored.get("short", clientID: "bob")?.value == "1")
        let status = try await restored.lock(of: "long")
        #expect(status?.lock == long && status?.timeLeft == .seconds(35))
        #expect(try await restored.lock(of: "extended")?.timeLeft == .seconds(40))
        #expect(restoredEngine.size.locks == 2)
        #expect(await awaitedFailure { try await restored.set("long", "2", clientID: "bob") }?.code == .keyLocked)
        try await restored.unlock("long", clientID: "ann")
        #expect(restoredEngine.size.locks == 1)
        try await restored.set("long", "2", clientID: "bob")
        await restored.close()
    }

    @Test("refs, versions and numbers of leases go on after those of the snapshot")
    func numbers() async throws {
        let clock = ManualClock()
        let engine = MemoryEngine()
        let store = try await Keyspace.open(engine, clock: clock)
        try await store.set("a", "1")
        let kept = KeptSnapshots()
        try kept.keep(engine)
        let lost = try await store.set("a", "lost")
        await store.close()
        clock.advance(by: .seconds(1))
        let restored = try await Keyspace.open(kept.restore(), clock: clock)
        let next = try await restored.set("a", "2")
        #expect(next.version == 2 && next.updatedRef == 2)
        #expect(try await restored.set("b", "1").leaseID == 2)
        // Whoever has seen the event that was lost is told so.
        let seen = EventMark(ref: lost.updatedRef, time: clock.now() + .seconds(-1))
        let error = await awaitedFailure {
            _ = try await restored.watch(WatchRequest(range: .all, start: .ref(3), seen: seen))
        }
        #expect(error?.code == .logWentBack)
        await restored.close()
    }
}
