import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Synchronization
import Testing

/// What a handler saw, and waiting for it.
private final class Seen: Sendable {
    private let state = Mutex<(events: [Event], waits: [Duration], failures: [String])>(([], [], []))
    private let stream: AsyncStream<Event>
    private let note: AsyncStream<Event>.Continuation

    init() { (stream, note) = AsyncStream.makeStream() }

    var refs: [Ref] { state.withLock { $0.events.map(\.ref) } }
    var waits: [Duration] { state.withLock { $0.waits } }
    var failures: [String] { state.withLock { $0.failures } }

    func add(_ event: Event) {
        state.withLock { $0.events.append(event) }
        note.yield(event)
    }

    func waited(_ duration: Duration) { state.withLock { $0.waits.append(duration) } }
    func failed(_ what: String) { state.withLock { $0.failures.append(what) } }

    /// The next `count` events that are handled.
    func next(_ count: Int) async -> [Ref] {
        var refs: [Ref] = []
        for await event in stream {
            refs.append(event.ref)
            if refs.count == count { break }
        }
        return refs
    }

    /// Options that don't wait, and note that they would have.
    var options: ConsumeOptions {
        var options = ConsumeOptions()
        options.sleep = { duration in
            try Task.checkCancellation()
            self.waited(duration)
            await Task.yield()
        }
        options.random = { 0 }
        options.onFailure = { error, event, _ in self.failed("\(event?.ref.rawValue ?? 0)") }
        return options
    }
}

private struct Broken: Error {}

@Suite("consume", .timeLimit(.minutes(10)))
struct ConsumeTests {
    private func openWithEvents(_ count: Int) async throws -> Keyspace {
        let store = try await Keyspace.open(MemoryEngine(), clock: ManualClock())
        for number in 0..<count { try await store.set(Key("k\(number)"), "1") }
        return store
    }

    /// Waits for a cursor to come to `ref`.
    private func waitForCursor(_ ref: Ref, of name: String, in store: Keyspace) async throws {
        try await eventually("the cursor comes to \(ref)") { try await store.consumer(name)?.cursor ?? 0 >= ref }
    }

    @Test("each event is handled once and in order, and the cursor follows")
    func inOrder() async throws {
        let store = try await openWithEvents(5)
        let seen = Seen()
        let task = Task { try await store.consume("c", options: seen.options) { seen.add($0) } }
        #expect(await seen.next(5) == [1, 2, 3, 4, 5])
        try await store.set("more", "1")
        #expect(await seen.next(1) == [6])
        try await waitForCursor(6, of: "c", in: store)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(seen.refs == [1, 2, 3, 4, 5, 6])
        // Whoever comes next under the name goes on from there.
        try await store.set("again", "1")
        let next = Task { try await store.consume("c", options: seen.options) { seen.add($0) } }
        #expect(await seen.next(1) == [7])
        next.cancel()
        _ = await next.result
        await store.close()
    }

    @Test("a handler that fails gets the same event again, after longer and longer waits, and the cursor stays")
    func failures() async throws {
        let store = try await openWithEvents(3)
        let seen = Seen()
        let left = Mutex(4)
        let cursors = Mutex<[Ref]>([])
        var options = seen.options
        options.acknowledgeEvery = 100
        options.firstBackoff = .seconds(1)
        options.longestBackoff = .seconds(4)
        let task = Task { [options] in
            try await store.consume("c", options: options) { event in
                if event.ref == 2 {
                    let cursor = try await store.consumer("c")?.cursor ?? 0
                    cursors.withLock { $0.append(cursor) }
                    let fails = left.withLock { left in
                        left -= 1
                        return left >= 0
                    }
                    if fails { throw Broken() }
                }
                seen.add(event)
            }
        }
        #expect(await seen.next(3) == [1, 2, 3])
        try await waitForCursor(3, of: "c", in: store)
        #expect(seen.waits == [.seconds(1), .seconds(2), .seconds(4), .seconds(4)])
        #expect(seen.failures == ["2", "2", "2", "2"])
        // What went well before the failure was acknowledged; what failed was not.
        #expect(cursors.withLock { $0 } == [0, 1, 1, 1, 1])
        task.cancel()
        _ = await task.result
        await store.close()
    }

    @Test("waits are shortened at random, by no more than a half")
    func jitter() async throws {
        let store = try await openWithEvents(1)
        let seen = Seen()
        let left = Mutex([0.0, 0.5, 1.0])
        var options = seen.options
        options.firstBackoff = .seconds(8)
        options.longestBackoff = .seconds(8)
        options.random = { left.withLock { $0.first ?? 0 } }
        let task = Task { [options] in
            try await store.consume("c", options: options) { event in
                let fails = left.withLock { !$0.isEmpty }
                if fails { throw Broken() }
                seen.add(event)
            }
        }
        while seen.waits.count < 3 {
            let count = seen.waits.count
            try await eventually("the handler is waited for again") { seen.waits.count > count }
            left.withLock { if !$0.isEmpty { $0.removeFirst() } }
        }
        _ = await seen.next(1)
        #expect(seen.waits.allSatisfy { $0 >= .seconds(4) && $0 <= .seconds(8) })
        task.cancel()
        _ = await task.result
        await store.close()
    }

    @Test("a consumer of other keys moves its cursor as others write")
    func progress() async throws {
        let clock = ManualClock()
        let store = try await Keyspace.open(MemoryEngine(), clock: clock)
        for _ in 0..<5 { try await store.set("common", "1") }
        let seen = Seen()
        let task = Task {
            try await store.consume("c", range: KeyRange(prefix: "rare"), options: seen.options) { seen.add($0) }
        }
        try await waitForCursor(5, of: "c", in: store)
        #expect(seen.refs.isEmpty)
        task.cancel()
        _ = await task.result
        await store.close()
    }

    @Test(
        "compaction past the cursor is an error, unless it is said where to go on",
        arguments: [nil, .oldest, .now] as [ConsumeOptions.Place?])
    func compaction(place: ConsumeOptions.Place?) async throws {
        let store = try await openWithEvents(6)
        try await store.acknowledge("c", through: 1)
        try await store.compact(before: 5)
        let seen = Seen()
        var options = seen.options
        options.afterCompaction = place
        let task = Task { [options] in try await store.consume("c", options: options) { seen.add($0) } }
        switch place {
        case nil:
            let error = await #expect(throws: StoreError.self) { try await task.value }
            #expect(error?.code == .compacted)
            #expect(try await store.consumer("c")?.cursor == 1)
        case .oldest?:
            #expect(await seen.next(2) == [5, 6])
        case .now?:
            try await waitForCursor(6, of: "c", in: store)
            try await store.set("later", "1")
            #expect(await seen.next(1) == [7])
        }
        task.cancel()
        _ = await task.result
        await store.close()
    }

    @Test("a new consumer may start now, and is known from then on")
    func startsNow() async throws {
        let store = try await openWithEvents(3)
        let seen = Seen()
        var options = seen.options
        options.start = .now
        let task = Task { [options] in try await store.consume("c", options: options) { seen.add($0) } }
        try await waitForCursor(3, of: "c", in: store)
        try await store.set("later", "1")
        #expect(await seen.next(1) == [4])
        task.cancel()
        _ = await task.result
        await store.close()
    }

    @Test("a store that can't be reached is tried again; one that is closed is not")
    func reconnects() async throws {
        let engine = ScriptedEngine()
        let store = try await Keyspace.open(engine, clock: ManualClock())
        try await store.set("a", "1")
        let left = Mutex(3)
        engine.refuse { changes in
            guard changes?.consumers.isEmpty == false else { return nil }
            let fails = left.withLock { left in
                left -= 1
                return left >= 0
            }
            return fails ? StoreError(.unavailable, "gone for a moment", retry: .safe) : nil
        }
        let seen = Seen()
        let task = Task { try await store.consume("c", options: seen.options) { seen.add($0) } }
        try await waitForCursor(1, of: "c", in: store)
        // The event was handled, and could not be acknowledged: so it came again. At least once.
        #expect(seen.refs == [1, 1, 1, 1])
        #expect(seen.failures == ["0", "0", "0"])
        await store.close()
        let error = await #expect(throws: StoreError.self) { try await task.value }
        #expect(error?.code == .closed)
    }
}
