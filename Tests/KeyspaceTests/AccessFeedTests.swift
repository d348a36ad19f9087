import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Synchronization
import Testing

@testable import CairnKeyspace

/// How reads are told to who watches for them, and what that costs who reads.
@Suite("reads that are told")
struct AccessFeedTests {
    private func access(_ key: Key, by client: String = "") -> KeyAccess {
        KeyAccess(key: key, version: 1, updatedRef: 1, time: Timestamp(microseconds: 1), clientID: client)
    }

    /// Holds the tasks that a feed starts, until a test runs them.
    private final class Tasks: Sendable {
        private let waiting = Mutex<[@Sendable () async -> Void]>([])

        var count: Int { waiting.withLock { $0.count } }

        func add(_ body: @escaping @Sendable () async -> Void) { waiting.withLock { $0.append(body) } }

        func run() async {
            let bodies = waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            for body in bodies { await body() }
        }
    }

    private func watcher(_ range: KeyRange = .all, by clients: Set<String> = [], limit: Int = 1 << 20) -> Watcher {
        Watcher(
            WatchRequest(range: range, kinds: [.accessed, .created], clientIDs: clients), pendingLimit: limit)
    }

    @Test("a queue holds its bytes and no more; what is missing is told where it was", arguments: [-1, 0, 1])
    func bound(more: Int) {
        let size = access("k0").footprint
        var queue = AccessQueue(limit: 3 * size + more)
        for number in 0..<5 { queue.add(access(Key("k\(number)"))) }
        let held = more < 0 ? 2 : 3
        #expect(queue.count == held)
        var taken = queue.take(bytes: 1)
        #expect(taken.accesses.map(\.key) == ["k0"] && taken.missed == 0)
        // There is room again, but it would not be known what is missing before this one.
        queue.add(access("k5"))
        taken = queue.take()
        #expect(taken.accesses.count == held - 1 && taken.missed == 6 - held)
        #expect(queue.isEmpty)
        queue.add(access("k6"))
        taken = queue.take()
        #expect(taken.accesses.map(\.key) == ["k6"] && taken.missed == 0)
        // One that is larger than all the room is told all the same.
        var small = AccessQueue(limit: 1)
        small.add(access("large"))
        small.add(access("other"))
        #expect(small.take().missed == 1)
    }

    @Test("a queue that is taken in pieces gives each once, in order")
    func pieces() {
        var queue = AccessQueue(limit: .max)
        var next = 0
        var taken: [Key] = []
        for round in 0..<50 {
            for _ in 0..<(round % 7) {
                queue.add(access(Key("k\(next)")))
                next += 1
            }
            taken += queue.take(bytes: 1 + 97 * (round % 5)).accesses.map(\.key)
        }
        taken += queue.take().accesses.map(\.key)
        #expect(taken == (0..<next).map { Key("k\($0)") } && next > 100)
    }

    @Test("without a watcher nothing waits and nothing is started")
    func nobodyWatches() {
        let tasks = Tasks()
        let feed = AccessFeed(start: tasks.add)
        #expect(!feed.isWanted && !feed.isWatched)
        feed.note(access("k"))
        #expect(feed.waitingCount == 0 && tasks.count == 0)
        let watcher = watcher()
        feed.add(watcher)
        #expect(feed.isWanted && feed.isWatched)
        feed.note(access("k"))
        #expect(feed.waitingCount == 1 && tasks.count == 1)
        feed.note(access("k"))
        #expect(feed.waitingCount == 2 && tasks.count == 1, "one task takes all that waits")
        feed.remove(watcher)
        #expect(!feed.isWanted)
        let counting = AccessFeed(isCounted: true, start: tasks.add)
        #expect(counting.isWanted && !counting.isWatched)
        counting.add(watcher)
        counting.removeAll()
        #expect(counting.isWanted && !counting.isWatched)
    }

    @Test("only a watch that names reads makes a keyspace note them, and only while it is open")
    func keyspace() async throws {
        let store = try await Keyspace.open { () throws(StoreError) in MemoryEngine() }
        try await store.set("k", "1")
        #expect(!store.accesses.isWanted)
        do {
            let events = try await store.watch(WatchRequest(range: .all, kinds: Set(Event.Kind.logged)))
            let all = try await store.watch(WatchRequest(range: .all))
            #expect(!store.accesses.isWanted)
            _ = (events, all)
        }
        do {
            let reads = try await store.watch(WatchRequest(range: .all, kinds: [.accessed]))
            #expect(store.accesses.isWanted && store.hub.watcherCount == 1)
            // By each way that a server takes.
            #expect(store.readyRecord("k", clientID: "") != nil)
            try await waiting(for: "the answer of a get") { done in
                store.get("k", clientID: "bob") { _ in done.resume() }
            }
            try await waiting(for: "the answer of a commit") { done in
                store.commit(Transaction(then: [.get("k")], clientID: "ann")) { _ in done.resume() }
            }
            var told: [KeyAccess] = []
            var updates = reads.makeAsyncIterator()
            while told.count < 3, let update = try await updates.next() {
                if case .accesses(let more, .none) = update { told += more }
            }
            #expect(told.map(\.clientID) == ["", "bob", "ann"])
        }
        #expect(!store.accesses.isWanted && store.hub.watcherCount == 0)
        let open = try await store.watch(WatchRequest(range: .all, kinds: [.accessed]))
        await store.close()
        #expect(!store.accesses.isWanted)
        await #expect(throws: StoreError.closed) { for try await _ in open {} }
    }

    @Test("a reader's name that is too long is cut, and reaches who watches")
    func longName() async throws {
        let store = try await Keyspace.open { () throws(StoreError) in MemoryEngine() }
        try await store.set("k", "1")
        var updates = try await store.watch(WatchRequest(range: .all, kinds: [.accessed])).makeAsyncIterator()
        _ = try await store.get("k", clientID: String(repeating: "x", count: 1_000_000))
        var names: [String] = []
        while names.isEmpty, let update = try await updates.next() {
            if case .accesses(let told, _) = update { names = told.map(\.clientID) }
        }
        #expect(names.map(\.utf8.count) == [store.limits.nameBytes])
        await store.close()
    }

    @Test("reads that come faster than they are told are counted, and every watcher hears how many")
    func feedOverLimit() async {
        let tasks = Tasks()
        let feed = AccessFeed(queueLimit: 10 * access("a/0").footprint, start: tasks.add)
        let (all, some) = (watcher(), watcher(KeyRange(prefix: "b/"), by: ["ann"]))
        feed.add(all)
        feed.add(some)
        for number in 0..<8 { feed.note(access(Key("a/\(number)"))) }
        feed.note(access("b/1"))
        feed.note(access("b/2"))
        for number in 0..<25 { feed.note(access(Key("b/\(number)"), by: "ann")) }
        await tasks.run()
        #expect(all.stepPastLog()?.told == Told(10, .upTo(25)))
        #expect(some.stepPastLog()?.told == Told(0, .upTo(25)))
        feed.note(access("b/1", by: "ann"))
        await tasks.run()
        #expect(some.stepPastLog()?.told == Told(1, .none))
        #expect(feed.waitingCount == 0)
    }

    @Test("a watcher that doesn't read holds a bounded number of bytes, and is told what it missed")
    func watcherOverLimit() async {
        let tasks = Tasks()
        let feed = AccessFeed(start: tasks.add)
        let slow = watcher(limit: 10 * access("k").footprint)
        let quick = watcher()
        for watcher in [slow, quick] { feed.add(watcher) }
        for _ in 0..<30 {
            feed.note(access("k"))
            await tasks.run()
        }
        #expect(slow.stepPastLog()?.told == Told(10, .upTo(20)))
        #expect(quick.stepPastLog()?.told == Told(30, .none))
        slow.end(with: .closed)
        feed.note(access("k"))
        await tasks.run()
        if case .fail = slow.step() {} else { Issue.record("an ended watcher goes on") }
    }

    @Test("neither reads nor the log keep the other from a watcher, behind or live")
    func turns() throws {
        let hub = Hub(head: 0)
        let watcher = watcher()
        _ = try hub.add(watcher)
        watcher.start(at: 1, withRecords: false, finishAfter: nil)
        let driver = EngineDriver(MemoryEngine())
        _ = try driver.commit(
            [Transaction(then: (0..<6).map { .set(Key("k\($0)"), "v") })], at: Timestamp(microseconds: 1))
        // Behind: a page of the log, then reads, however many come.
        for event in driver.events {
            watcher.offer([access("k")], missed: 0)
            guard case .readLog(let ref) = watcher.step() else { throw StoreError(.internal, "no turn for the log") }
            #expect(ref == event.ref)
            _ = watcher.take([event])
            watcher.offer([access("k")], missed: 0)
            #expect(watcher.step().update?.told == Told(2, .none))
            watcher.offer([access("k")], missed: 0)
            #expect(watcher.step().update?.events == 1)
            #expect(watcher.step().update?.told == Told(1, .none))
        }
        // Live: events and reads by turns.
        var changes = Changes(head: .empty)
        changes.events = driver.events
        hub.note(foreignUpTo: .zero, thenOwn: changes)
        hub.deliver()
        #expect(hub.attach(watcher, at: 7))
        #expect(watcher.step().update == .progress(6))
        var turns: [Bool] = []
        for round in 0..<6 {
            var event = driver.events[0]
            event.ref = Ref(Int64(7 + round))
            watcher.offer([event])
            watcher.offer([access("k")], missed: 0)
            turns.append(watcher.step().update?.events != nil)
        }
        #expect(turns == [true, false, true, false, true, false])
        #expect(watcher.step().update?.events == 1 && watcher.step().update?.told == nil)
        if case .wait = watcher.step() {} else { Issue.record("there is nothing left") }
    }

    @Test("many readers at once: each read is told, or counted as missing")
    func concurrent() async throws {
        var options = KeyspaceOptions()
        options.watchBuffer = 5_000
        let store = try await Keyspace.open(options: options) { () throws(StoreError) in MemoryEngine() }
        for key: Key in ["a", "b", "end"] { try await store.set(key, "1") }
        let stream = try await store.watch(WatchRequest(range: .all, kinds: [.accessed]))
        async let told: (Int, Int) = {
            var (count, missed) = (0, 0)
            for try await case .accesses(let accesses, let more) in stream {
                count += accesses.count
                if case .upTo(let number) = more { missed += number }
                if count + missed == 4_000 { break }
            }
            return (count, missed)
        }()
        await withTaskGroup(of: Void.self) { group in
            for reader in 0..<4 {
                group.addTask {
                    for _ in 0..<1_000 { _ = try? await store.get(reader.isMultiple(of: 2) ? "a" : "b") }
                }
            }
        }
        let (count, missed) = try await told
        #expect(count + missed == 4_000 && count > 0)
        await store.close()
    }

    @Test("a home that can't tell of reads says so")
    func unsupported() async throws {
        let engine = ScriptedEngine(without: [.accesses])
        let store = try await Keyspace.open(engine, clock: ManualClock())
        let error = await #expect(throws: StoreError.self) {
            _ = try await store.watch(WatchRequest(range: .all, kinds: [.accessed]))
        }
        #expect(error?.code == .unsupported && error?.message.contains("accessed events") == true)
        await store.close()
    }
}

/// What an update tells of reads.
private struct Told: Equatable {
    var count: Int
    var missed: MissedAccesses

    init(_ count: Int, _ missed: MissedAccesses) { (self.count, self.missed) = (count, missed) }
}

extension WatchUpdate {
    fileprivate var told: Told? {
        if case .accesses(let accesses, let missed) = self { Told(accesses.count, missed) } else { nil }
    }

    fileprivate var events: Int? {
        if case .events(let events) = self { events.count } else { nil }
    }
}

extension Watcher.Step {
    fileprivate var update: WatchUpdate? {
        if case .deliver(let update) = self { update } else { nil }
    }
}

extension Watcher {
    /// The next update of a watcher that is behind, when the log has nothing for it.
    fileprivate func stepPastLog() -> WatchUpdate? {
        if let update = step().update { return update }
        _ = take([Event]())
        return step().update
    }
}
