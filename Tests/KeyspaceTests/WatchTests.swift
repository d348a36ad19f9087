import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@testable import CairnKeyspace

/// A store with small pages, so that a few events are more than a watcher holds.
private func openSmall(
    _ clock: ManualClock = ManualClock(), pageBytes: Int = 2_000, pageEntries: Int = 10_000
) async throws -> Keyspace {
    var limits = Limits.standard
    limits.pageBytes = pageBytes
    limits.pageEntries = pageEntries
    return try await Keyspace.open(MemoryEngine(), clock: clock, limits: limits)
}

/// Every event there is.
private func log(of store: Keyspace) async throws -> [Event] {
    var events: [Event] = []
    for try await update in try await store.watch(WatchRequest(range: .all, start: .ref(0), untilHead: true)) {
        if case .events(let more) = update { events += more }
    }
    return events
}

/// Reads a stream until it has come to `ref`.
private func read(_ stream: WatchStream, _ request: WatchRequest, to ref: Ref) async throws -> StreamChecker {
    var checker = StreamChecker(request)
    for try await update in stream {
        checker.take(update)
        if checker.position >= ref { break }
    }
    return checker
}

@Suite("watch", .timeLimit(.minutes(10)))
struct WatchTests {
    @Test("random writers, ranges, kinds and starts: every stream is whole, in order, and once")
    func randomStreams() async throws {
        for round in 0..<20 {
            var random = SeededGenerator(seed: RandomRun.seed &+ UInt64(round))
            let store = try await openSmall(pageBytes: 1_000 + random.below(4_000))
            var requests: [WatchRequest] = []
            for _ in 0..<6 {
                let range = random.once(in: 2) ? .all : KeyRange(prefix: Key("k\(random.below(3))"))
                let start: WatchRequest.Start = random.pick([.now, .ref(0), .ref(1), .current])
                requests.append(
                    WatchRequest(range: range, start: start, kinds: random.once(in: 3) ? [.created, .deleted] : []))
            }
            let seed = random.next()
            try await withThrowingTaskGroup(of: StreamChecker.self) { group in
                // Some before the writing starts, some in its midst.
                for request in requests[..<3] {
                    let stream = try await store.watch(request)
                    group.addTask { try await read(stream, request, to: 301) }
                }
                async let writing: Void = write(300, to: store, seed: seed)
                for request in requests[3...] {
                    let stream = try await store.watch(request)
                    group.addTask { try await read(stream, request, to: 301) }
                }
                try await writing
                let events = try await log(of: store)
                // What every stream waits for: an event, or a progress to it.
                try await store.set("k0/k1/k2/end", "1")
                await store.reportProgress()
                for try await var checker in group {
                    let all = events + (try await log(of: store)).dropFirst(events.count)
                    let problem = checker.finish(log: all, wholeTransactions: false)
                    #expect(problem == nil, "CAIRN_SEED=\(RandomRun.seed) round \(round)")
                }
            }
            await store.close()
        }
    }

    private func write(_ count: Int, to store: Keyspace, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var written = 0
        while written < count {
            let key = Key("k\(random.below(3))/\(random.below(20))")
            let value = Value(bytes: Array(repeating: 7, count: random.below(200)))
            if random.once(in: 5), try await store.get(key) != nil {
                try await store.delete(key)
            } else {
                try await store.set(key, value)
            }
            written += 1
        }
    }

    @Test("a reader that doesn't read holds a bounded number of bytes")
    func boundedPending() async throws {
        var limits = Limits.standard
        limits.pageBytes = 5_000
        let engine = MemoryEngine()
        let hub = Hub(head: 0)
        let driver = EngineDriver(engine)
        let watcher = Watcher(WatchRequest(range: .all), pendingLimit: limits.pageBytes)
        #expect(try hub.add(watcher) == 0)
        watcher.start(at: 1, withRecords: false, finishAfter: nil)
        #expect(hub.attach(watcher, at: 1))
        for number in 0..<100 {
            let value = Value(bytes: Array(repeating: 1, count: 300))
            _ = try driver.commit([Transaction(then: [.set(Key("k\(number)"), value)])], at: Timestamp(microseconds: 1))
            var changes = Changes(head: .empty)
            changes.events = [driver.events[number]]
            hub.note(foreignUpTo: .zero, thenOwn: changes)
            hub.deliver()
            #expect(watcher.pendingBytes <= limits.pageBytes)
        }
        #expect(watcher.pendingBytes > 0)
        // And what it does not hold, it reads.
        let reader = WatchReader(watcher, hub: hub, reads: ReadQueue(engine: engine), limits: limits)
        var refs: [Ref] = []
        while refs.count < 100 {
            if case .events(let events)? = try await reader.next() { refs += events.map(\.ref) }
        }
        #expect(refs == (1...100).map { Ref($0) })
    }

    /// A watcher that is live at the start of an empty log.
    private func liveWatcher(of range: KeyRange) throws -> (Hub, Watcher) {
        let hub = Hub(head: 0)
        let watcher = Watcher(WatchRequest(range: range))
        #expect(try hub.add(watcher) == 0)
        watcher.start(at: 1, withRecords: false, finishAfter: nil)
        #expect(hub.attach(watcher, at: 1))
        return (hub, watcher)
    }

    private func deliver(_ keys: [Key], from first: Int64, to hub: Hub) throws {
        let driver = EngineDriver(MemoryEngine())
        _ = try driver.commit([Transaction(then: keys.map { .set($0, "v") })], at: Timestamp(microseconds: 1))
        var changes = Changes(head: .empty)
        changes.events = driver.events.map { event in
            var event = event
            event.ref = Ref(event.ref.rawValue + first - 1)
            return event
        }
        hub.note(foreignUpTo: .zero, thenOwn: changes)
        hub.deliver()
    }

    @Test("progress that is told while there are events to read comes after them")
    func progressBehindEvents() throws {
        let (hub, watcher) = try liveWatcher(of: KeyRange(prefix: "mine/"))
        #expect(watcher.step().update == .progress(0))
        try deliver(["mine/1", "other"], from: 1, to: hub)
        hub.reportProgress()
        #expect(watcher.step().update?.refs == [1])
        #expect(watcher.step().update == .progress(2))
        #expect(watcher.step().update == nil)
    }

    @Test("a progress never goes back behind an event that was delivered")
    func progressNeverGoesBack() throws {
        let (hub, watcher) = try liveWatcher(of: .all)
        // The first progress has not been read yet.
        try deliver(["a", "b"], from: 1, to: hub)
        hub.reportProgress()
        try deliver(["c"], from: 3, to: hub)
        #expect(watcher.step().update?.refs == [1, 2, 3])
        #expect(watcher.step().update == .progress(3))
        #expect(watcher.step().update == nil)
    }

    @Test("a slow reader gets everything, in whole transactions, through falling behind and catching up")
    func slowReader() async throws {
        let store = try await openSmall()
        let request = WatchRequest(range: .all)
        var updates = try await store.watch(request).makeAsyncIterator()
        var checker = StreamChecker(request)
        var written = 0
        for round in 0..<30 {
            for _ in 0..<(round % 4 == 0 ? 12 : 1) {
                let sets = (0..<3).map {
                    CairnModel.Operation.set(Key("k\($0)"), Value(bytes: Array(repeating: 1, count: 100)))
                }
                written += 3
                _ = try await store.commit(Transaction(then: sets))
            }
            if let update = try await updates.next() { checker.take(update) }
        }
        while checker.position < Ref(Int64(written)), let update = try await updates.next() { checker.take(update) }
        #expect(checker.events.count == written)
        let events = try await log(of: store)
        #expect(checker.finish(log: events, wholeTransactions: true) == nil)
        await store.close()
    }

    @Test("the current state is followed by progress although others write between its pages")
    func progressAfterRecords() async throws {
        let store = try await openSmall()
        for number in 10..<40 { try await store.set(Key("k\(number)"), Value(bytes: Array(repeating: 1, count: 300))) }
        let request = WatchRequest(range: .all, start: .current)
        var updates = try await store.watch(request).makeAsyncIterator()
        var checker = StreamChecker(request)
        if let update = try await updates.next() { checker.take(update) }
        // A key that was shown, one that was not yet, a new one, and one that goes.
        try await store.set("k10", "2")
        try await store.set("k39", "2")
        try await store.delete("k38")
        // The last thing that happens is delivered as an event, so no progress beyond it is to come.
        let end = try await store.set("a", "2").updatedRef
        while checker.progress == nil, let update = try await updates.next() { checker.take(update) }
        #expect(checker.progress == end)
        let events = try await log(of: store)
        #expect(checker.finish(log: events, wholeTransactions: false) == nil)
        #expect(checker.events.map(\.key) == ["k10", "a"])
        #expect(checker.records.first { $0.key == "k39" }?.value == "2")
        #expect(!checker.records.contains { $0.key == "k38" })
        await store.close()
    }

    @Test("a reader that is behind, and that the log is compacted past, is told so and can't go on")
    func compactedPast() async throws {
        let store = try await openSmall()
        let stream = try await store.watch(WatchRequest(range: .all))
        for _ in 0..<40 { try await store.set("k", Value(bytes: Array(repeating: 1, count: 300))) }
        try await store.compact(before: 39)
        var updates = stream.makeAsyncIterator()
        var code: StoreError.Code?
        do throws(StoreError) {
            while try await updates.next() != nil {}
        } catch {
            code = error.code
            #expect(error.oldestRef == 39)
        }
        #expect(code == .compacted)
        await store.close()
    }

    @Test("a reader of a rare prefix is told how far the log is, from the log and live")
    func rarePrefix() async throws {
        let store = try await openSmall(pageEntries: 100)
        for _ in 0..<250 {
            let sets = (0..<50).map { CairnModel.Operation.set(Key("c\($0)"), "1") }
            _ = try await store.commit(Transaction(then: sets))
        }
        var updates = try await store.watch(WatchRequest(range: KeyRange(prefix: "rare"), start: .ref(1)))
            .makeAsyncIterator()
        var progress: [Ref] = []
        while progress.last != 12_500, case .progress(let ref)? = try await updates.next() { progress.append(ref) }
        #expect(progress.count >= 2)
        #expect(progress == progress.sorted())
        try await store.set("common", "1")
        await store.reportProgress()
        #expect(try await updates.next() == .progress(12_501))
        await store.close()
    }

    @Test("closing ends live streams and those that are behind")
    func closing() async throws {
        let store = try await openSmall()
        let live = try await store.watch(WatchRequest(range: .all))
        var updates = live.makeAsyncIterator()
        #expect(try await updates.next() == .progress(0))
        let behind = try await store.watch(WatchRequest(range: .all, start: .ref(0)))
        await store.close()
        for stream in [live, behind] {
            await #expect(throws: StoreError.closed) {
                for try await _ in stream {}
            }
        }
    }

    @Test("dropping a stream frees its watcher, and so does cancelling its reader")
    func dropping() async throws {
        let engine = MemoryEngine()
        let hub = Hub(head: 0)
        let reads = ReadQueue(engine: engine)
        func open() throws -> WatchReader {
            let watcher = Watcher(WatchRequest(range: KeyRange(prefix: "a")))
            let head = try hub.add(watcher)
            watcher.start(at: head.next, withRecords: false, finishAfter: nil)
            return WatchReader(watcher, hub: hub, reads: reads, limits: .standard)
        }
        do {
            let reader = try open()
            #expect(try await reader.next() == .progress(0))
            #expect(hub.watcherCount == 1)
        }
        #expect(hub.watcherCount == 0)
        let reader = Task { [reader = try open()] () -> StoreError.Code? in
            do throws(StoreError) {
                while true { _ = try await reader.next() }
            } catch {
                return error.code
            }
        }
        reader.cancel()
        #expect(await reader.value == .cancelled)
    }

    @Test("what another process wrote is delivered, also when it is too much to carry")
    func foreign() async throws {
        let engine = ScriptedEngine()
        let store = try await Keyspace.open(engine, clock: ManualClock())
        let request = WatchRequest(range: .all)
        var updates = try await store.watch(request).makeAsyncIterator()
        #expect(try await updates.next() == .progress(0))
        let other = EngineDriver(engine.base)
        var limits = 0
        while limits < 30 {
            let sets = (0..<500).map { CairnModel.Operation.set(Key("k\($0)"), "1") }
            _ = try other.commit([Transaction(then: sets)], at: Timestamp(microseconds: 1))
            limits += 1
        }
        try await store.set("mine", "1")
        var checker = StreamChecker(request)
        while checker.position < 15_001, let update = try await updates.next() { checker.take(update) }
        #expect(checker.events.map(\.ref) == (1...15_001).map { Ref($0) })
        await store.close()
    }
}

extension Watcher.Step {
    /// What the reader gets, if it gets something now.
    fileprivate var update: WatchUpdate? {
        if case .deliver(let update) = self { update } else { nil }
    }
}

extension WatchUpdate {
    /// The refs of the events.
    fileprivate var refs: [Ref]? {
        if case .events(let events) = self { events.map(\.ref) } else { nil }
    }
}
