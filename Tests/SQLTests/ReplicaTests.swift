import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Synchronization
import Testing

@testable import CairnSQL

@Suite("database homes: replicas", .timeLimit(.minutes(10)))
struct ReplicaTests {
    private let database = FakeDatabase()

    private func open() async throws -> (store: Keyspace, engine: ServerEngine<FakeHome>) {
        let engine = try FakeHome(database).engine()
        return (try await Keyspace.open { () throws(StoreError) in engine }, engine)
    }

    @Test("a watch on one replica hears what another writes, in order and once")
    func watching() async throws {
        let (a, b) = (try await open().store, try await open().store)
        var updates = try await b.watch(WatchRequest(range: .all)).makeAsyncIterator()
        var seen: [Ref] = []
        for number in 1...50 {
            try await (number % 3 == 0 ? b : a).set("key", Value("\(number)"))
            while seen.count < number {
                guard let update = try await updates.next() else { break }
                seen += update.refs
            }
        }
        #expect(seen == (1...50).map { Ref($0) })
        await a.close()
        await b.close()
    }

    @Test("one replica is on duty: the first, and after it the next")
    func duty() async throws {
        let (a, first) = try await open()
        let (b, second) = try await open()
        #expect(first.isOnDuty && !second.isOnDuty)
        await a.close()
        // Its farewell makes the others look; the beat would, too.
        try await eventually("the second replica is on duty") { second.isOnDuty }
        await b.close()
    }

    @Test("a replica that falls silent is replaced, and what is due expires once")
    func silence() async throws {
        let (a, first) = try await open()
        let (b, second) = try await open()
        database.state.withLock { _ = $0.silent.insert(first.presence.number) }
        try await eventually("the second replica is on duty") { second.isOnDuty }
        let deadline = database.state.withLock { $0.time } + .milliseconds(10)
        try await b.set("key", "1", expiry: .at(deadline))
        var updates = try await a.watch(WatchRequest(range: .all)).makeAsyncIterator()
        database.state.withLock { $0.time = deadline }
        var kinds: [Event.Kind] = []
        while kinds.isEmpty, let update = try await updates.next() { kinds = update.kinds }
        #expect(kinds == [.expired])
        #expect(try await b.get("key") == nil)
        await a.close()
        await b.close()
    }

    @Test("no transaction meets a lease that is due by the database's clock, whoever made it")
    func dueLeases() async throws {
        let (a, b) = (try await open().store, try await open().store)
        let deadline = database.state.withLock { $0.time } + .seconds(60)
        try await a.set("key", "1", expiry: .at(deadline))
        database.state.withLock { $0.time = deadline }
        let record = try await b.set("key", "2")
        #expect(record.version == 3 && record.createdRef == 3)
        await a.close()
        await b.close()
    }

    @Test("a log that went back ends the streams, and writing goes on")
    func wentBack() async throws {
        let (store, _) = try await open()
        for number in 1...3 { try await store.set("key", Value("\(number)")) }
        var updates = try await store.watch(WatchRequest(range: .all)).makeAsyncIterator()
        #expect(try await updates.next() == .progress(3))
        // The standby that takes over has seen the first event only.
        let older = MemoryEngine()
        let copy = try database.tables.read { (view) throws(StoreError) in
            (try view.events(from: 1, limit: 1, bytes: .max), try view.head())
        }
        try older.commit { (view) throws(StoreError) in
            var changes = Changes(head: try view.head())
            changes.events = copy.0
            changes.head.lastRef = 1
            changes.head.lastLeaseID = copy.1.lastLeaseID
            changes.head.time = copy.0[0].time
            return changes
        }
        database.state.withLock { $0.tables = older }
        #expect(try await store.set("key", "x").updatedRef == 2)
        let error = await #expect(throws: StoreError.self) { try await updates.next() }
        #expect(error?.code == .logWentBack && error?.retry == .never)
        await store.close()
    }

    @Test("a log that went back and has come as far again is noticed after the connection was lost")
    func forked() async throws {
        let (store, _) = try await open()
        for number in 1...3 { try await store.set("key", Value("\(number)")) }
        var updates = try await store.watch(WatchRequest(range: .all)).makeAsyncIterator()
        #expect(try await updates.next() == .progress(3))
        let other = FakeDatabase()
        other.state.withLock { $0.time = Timestamp(microseconds: 1_800_000_000_000_000) }
        let writer = try await Keyspace.open { () throws(StoreError) in try FakeHome(other).engine() }
        for number in 1...5 { try await writer.set("other", Value("\(number)")) }
        await writer.close()
        database.state.withLock { $0.tables = other.tables }
        // As after any fail-over, connections break.
        database.doom(.lostUnheard)
        #expect(try await store.set("key", "x").updatedRef == 6)
        let error = await #expect(throws: StoreError.self) { try await updates.next() }
        #expect(error?.code == .logWentBack)
        await store.close()
    }

    @Test("an idle store asks its database nothing but beats")
    func idle() async throws {
        let (store, _) = try await open()
        try await store.set("key", "1")
        let before = database.state.withLock { ($0.beats, $0.statements) }
        try await database.waitForBeats(before.0 + 20)
        let after = database.state.withLock { ($0.beats, $0.statements) }
        // One more may be under way; the first round after a start looks once for what an earlier one left.
        #expect(after.1 - before.1 <= after.0 - before.0 + 3)
        await store.close()
    }
}

extension WatchUpdate {
    fileprivate var events: [Event] { if case .events(let events) = self { events } else { [] } }
    fileprivate var refs: [Ref] { events.map(\.ref) }
    fileprivate var kinds: [Event.Kind] { events.map(\.kind) }
}
