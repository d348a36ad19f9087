import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSQLite
import CairnTestSupport
import CairnTestWaits
import Testing

/// Stores that are open in one process at the same time.
@Suite("Several stores in one process", .timeLimit(.minutes(10)))
struct SeveralStoresTests {
    enum Home: CaseIterable, Sendable {
        case memory
        case sqlite

        func open(_ directory: TemporaryDirectory, _ name: String) throws -> any Engine {
            switch self {
            case .memory: MemoryEngine()
            case .sqlite: try SQLiteEngine(path: directory.file(name))
            }
        }
    }

    /// A store, its clock and a watch of all of it.
    private struct Opened {
        let clock = ManualClock()
        let store: Keyspace
        private var updates: WatchStream.Iterator

        init(_ engine: any Engine) async throws {
            store = try await Keyspace.open(engine, clock: clock)
            updates = try await store.watch(WatchRequest(range: .all)).makeAsyncIterator()
        }

        /// The next events of the watch.
        mutating func nextEvents() async throws -> [Event] {
            while let update = try await updates.next() {
                if case .events(let events) = update { return events }
            }
            return []
        }

        /// Every event of the log.
        func log() async throws -> [Event] {
            var events: [Event] = []
            for try await update in try await store.watch(
                WatchRequest(range: .all, start: .ref(0), untilHead: true))
            {
                if case .events(let more) = update { events += more }
            }
            return events
        }
    }

    @Test("they share nothing: no keys, refs, leases, events, requests, consumers or clocks", arguments: Home.allCases)
    func separate(_ home: Home) async throws {
        for other in Home.allCases {
            let directory = try TemporaryDirectory()
            var a = try await Opened(home.open(directory, "a.db"))
            var b = try await Opened(other.open(directory, "b.db"))
            let id = RequestID.random()
            let first = try await a.store.set("k", "a", expiry: .after(.seconds(10)), requestID: id)
            #expect(b.store.readyRecord("k", clientID: "") == nil)
            #expect(try await b.store.get("k") == nil)
            #expect(try await b.store.status().headRef == 0)
            let second = try await b.store.set("k", "b", expiry: .after(.seconds(10)), requestID: id)
            for (record, value) in [(first, "a"), (second, "b")] {
                #expect(record.value == Value(value))
                #expect(record.version == 1 && record.updatedRef == 1 && record.leaseID == 1)
            }
            #expect(try await a.store.get("k") == first)
            #expect(try await a.nextEvents().map(\.value) == ["a"])
            #expect(try await b.nextEvents().map(\.value) == ["b"])
            try await a.store.acknowledge("reader", through: 1)
            #expect(try await b.store.consumer("reader") == nil)
            // Time passes for one of them.
            a.clock.advance(by: .seconds(10))
            #expect(try await a.nextEvents().map(\.kind) == [.expired])
            #expect(try await b.store.lease(1, withKeys: true)?.keys == ["k"])
            // What is compacted in one is kept in the other.
            try await a.store.compact(before: 3)
            #expect(try await b.log().map(\.ref) == [1])
            // One goes, the other stays.
            await a.store.close()
            await #expect(throws: StoreError.self) { try await a.store.get("k") }
            try await b.store.set("k", "2")
            #expect(try await b.nextEvents().map(\.value) == ["2"])
            await b.store.close()
        }
    }

    @Test("they can be written at the same time, and each log is whole and its own", arguments: Home.allCases)
    func atOnce(_ home: Home) async throws {
        for other in Home.allCases {
            let directory = try TemporaryDirectory()
            let a = try await Opened(home.open(directory, "a.db"))
            let b = try await Opened(other.open(directory, "b.db"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (store, name) in [(a.store, "a"), (b.store, "b")] {
                    for writer in 0..<4 {
                        group.addTask {
                            for number in 0..<25 {
                                let written = try await store.set(Key("k\(writer)"), Value("\(name)\(number)"))
                                // A record that was kept in memory for the other store would show here.
                                #expect(try await store.get(written.key) == written)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            for (opened, name) in [(a, "a"), (b, "b")] {
                let events = try await opened.log()
                #expect(events.map(\.ref) == (1...100).map { Ref($0) })
                #expect(events.allSatisfy { $0.value?.text?.hasPrefix(name) == true })
                await opened.store.close()
            }
        }
    }

    @Test("a store that is closed and let go of leaves nothing running", arguments: Home.allCases)
    func released(_ home: Home) async throws {
        let directory = try TemporaryDirectory()
        let clock = ManualClock()
        weak var engine: (any Engine)?
        weak var store: Keyspace?
        do {
            let opened = try home.open(directory, "a.db")
            let keyspace = try await Keyspace.open(opened, clock: clock)
            (engine, store) = (opened, keyspace)
            try await keyspace.set("k", "1", expiry: .after(.seconds(10)))
            let dropped = try await keyspace.watch(WatchRequest(range: .all))
            let kept = try await keyspace.watch(WatchRequest(range: .all))
            #expect(keyspace.watchCount == 2)
            _ = consume dropped
            #expect(keyspace.watchCount == 1)
            // It is closed in the midst of reading.
            async let end = SeveralStoresTests.end(of: kept)
            await keyspace.close()
            #expect(await end == .closed)
            #expect(keyspace.watchCount == 0)
        }
        // Each task and thread of a store holds its engine. Whoever resumed us may be about to let go of it.
        try await eventually("nobody holds the store") { engine == nil && store == nil }
        #expect(clock.sleeperCount == 0)
    }

    /// How a stream ends.
    private static func end(of stream: WatchStream) async -> StoreError.Code? {
        do throws(StoreError) {
            for try await _ in stream {}
            return nil
        } catch {
            return error.code
        }
    }

    @Test("two that have one file open expire each key once, whoever comes first")
    func expiryOnOneFile() async throws {
        let directory = try TemporaryDirectory()
        let clock = ManualClock()
        let one = try await Keyspace.open(SQLiteEngine(path: directory.file("a.db")), clock: clock)
        let two = try await Keyspace.open(SQLiteEngine(path: directory.file("a.db")), clock: clock)
        let stores = [one, two]
        var streams: [WatchStream] = []
        for store in stores { streams.append(try await store.watch(WatchRequest(range: .all, kinds: [.expired]))) }
        let keys = (0..<60).map { Key("k\($0)") }
        for (number, key) in keys.enumerated() {
            try await stores[number % 2].set(key, "1", expiry: .after(.milliseconds(1 + number % 10)))
        }
        // Both wake at once, and people write at the same time.
        for _ in 0..<10 {
            clock.advance(by: .milliseconds(1))
            async let first = one.set("a", "1")
            async let second = two.set("b", "1")
            _ = try await (first, second)
        }
        for stream in streams {
            var expired: [Event] = []
            for try await update in stream {
                guard case .events(let events) = update else { continue }
                expired += events
                if expired.count >= keys.count { break }
            }
            #expect(expired.map(\.key).sorted() == keys.sorted())
            #expect(expired.map(\.version) == Array(repeating: 2, count: keys.count))
        }
        for store in stores {
            #expect(try await store.list(ListRequest(prefix: "k")).entries.isEmpty)
            #expect(try await store.leases(from: 0, limit: 100).isEmpty)
            #expect(try await store.status().headRef == Ref(Int64(2 * keys.count + 20)))
        }
        for store in stores { await store.close() }
    }
}
