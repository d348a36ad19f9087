import CairnKeyspace
import CairnModel
import CairnSQLite
import CairnTestSupport
import Foundation
import GRDBSQLite
import Testing

@Suite("SQLite: faults")
struct FaultTests {
    @Test(
        "a full disk fails the batch and nothing else",
        .enabled(if: TemporaryVolume.isPossible, "needs the right to mount a tmpfs")
    )
    func fullDisk() throws {
        let volume = try TemporaryVolume(size: "3m")
        let path = volume.file("store.db")
        try withEngine(at: path) { store throws in
            try store.run(.set("first", "1"))
            let large = Value(bytes: [UInt8](repeating: 1, count: 300_000))
            var stored = 0
            var failure: StoreError?
            while failure == nil, stored < 100 {
                do throws(StoreError) {
                    try store.run(.set(Key("large \(stored)"), large))
                    stored += 1
                } catch {
                    failure = error
                }
            }
            #expect(failure?.code == .storageFull)
            #expect(failure?.retry == .safe)
            #expect(failure?.message.contains(path) == true)
            #expect(stored > 0)
            // Reads go on, of the file and of memory, and know nothing of what failed.
            #expect(try store.records().count == stored + 1)
            #expect(try store.head().lastRef.rawValue == Int64(stored + 1))
            #expect(try store.record(Key("large \(stored)")) == nil)
            #expect(store.engine.readyRecord(Key("large \(stored)")).isAbsent)
            try volume.remount("size=64m")
            try store.run(.set(Key("large \(stored)"), large))
            #expect(try store.events().map(\.ref.rawValue) == Array(1...Int64(stored + 2)))
        }
        try withEngine(at: path) { store throws in #expect(try store.events().last?.value?.bytes.count == 300_000) }
    }

    @Test(
        "what is due while the disk is full expires when there is room, and a watch hears of it",
        .enabled(if: TemporaryVolume.isPossible, "needs the right to mount a tmpfs"), .timeLimit(.minutes(10))
    )
    func expiryOnFullDisk() async throws {
        let volume = try TemporaryVolume(size: "2m")
        let path = volume.file("store.db")
        let clock = ManualClock()
        let store = try await Keyspace.open(SQLiteEngine(path: path), clock: clock)
        // Somebody who has read before a write keeps the log from starting over, for which a full disk has room.
        var reader: OpaquePointer?
        #expect(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, nil) == SQLITE_OK)
        defer { sqlite3_close(reader) }
        #expect(sqlite3_exec(reader, "BEGIN; SELECT * FROM head", nil, nil, nil) == SQLITE_OK)
        try await store.set("key", "1", expiry: .after(.seconds(10)))
        var updates = try await store.watch(WatchRequest(range: .all)).makeAsyncIterator()
        #expect(try await updates.next() == .progress(1))
        try volume.fill()
        clock.advance(by: .seconds(10))
        for number in 0..<3 {
            // The sweeper, which will try again, and the upkeep.
            try await clock.waitForSleepers(2)
            let error = await #expect(throws: StoreError.self) { try await store.set(Key("\(number)"), "1") }
            #expect(error?.code == .storageFull && error?.retry == .safe, "\(String(describing: error))")
            #expect(try await store.get("key")?.value == "1")
            clock.advance(by: .seconds(1))
        }
        try await clock.waitForSleepers(2)
        try volume.free()
        clock.advance(by: .seconds(1))
        #expect(try await updates.next().events.map(\.kind) == [.expired])
        try await store.set("key", "2")
        #expect(try await updates.next().events.map(\.ref) == [3])
        #expect(try await store.get("key")?.version == 3)
        await store.close()
    }

    @Test(
        "a full disk fails the opening of a new store",
        .enabled(if: TemporaryVolume.isPossible, "needs the right to mount a tmpfs")
    )
    func fullAtOpening() throws {
        let volume = try TemporaryVolume(size: "64k")
        try Data(count: 60_000).write(to: URL(fileURLWithPath: volume.file("ballast")))
        let error = #expect(throws: StoreError.self) { try SQLiteEngine(path: volume.file("store.db")).close() }
        #expect(error?.code == .storageFull, "\(String(describing: error))")
        try FileManager.default.removeItem(atPath: volume.file("ballast"))
        try volume.remount("size=8m")
        try withEngine(at: volume.file("store.db")) { store throws in try store.run(.set("a", "1")) }
    }

    @Test("damaged pages are told as such, and the process lives", arguments: [1, UInt64.random(in: 2...(.max))])
    func damage(seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        try withEngine(at: path) { store throws in
            for batch in 0..<20 {
                try store.commit(
                    (0..<100).map { Transaction(then: [.set(Key("\(batch)/\($0)"), Value("value \($0)"))]) }
                )
            }
        }
        let whole = try #require(FileManager.default.contents(atPath: path))
        var corrupted = 0
        for _ in 0..<40 {
            var damaged = whole
            // Any page but the first, whose damage is told at opening.
            let page = Int.random(in: 1..<whole.count / 4_096, using: &generator)
            let start = page * 4_096 + Int.random(in: 0..<8, using: &generator)
            for offset in start..<start + 64 { damaged[offset] = UInt8.random(in: 0...255, using: &generator) }
            try damaged.write(to: URL(fileURLWithPath: path))
            try? FileManager.default.removeItem(atPath: path + "-wal")
            try? FileManager.default.removeItem(atPath: path + "-shm")
            do {
                try withEngine(at: path) { store throws in
                    _ = try store.records()
                    _ = try store.events()
                    try store.run(.set("0/0", "new"), .delete("19/99"))
                }
            } catch let error as StoreError {
                #expect([.corrupted, .storageFailed, .keyNotFound].contains(error.code), "seed \(seed): \(error)")
                if error.code == .corrupted { corrupted += 1 }
            }
        }
        #expect(corrupted > 20, "seed \(seed)")
    }

    @Test("what a killed process had acknowledged is there, and nothing else")
    func killed() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let store = StoreDriver(engine: try SQLiteEngine(path: path))
            for number in 1...50 { try store.run(.set(Key("\(number)"), "1")) }
            try store.engine.commit { (view) throws(StoreError) in
                _ = try view.head()
                kill(getpid(), SIGKILL)
                return nil
            }
        }
        try #require(FileManager.default.fileExists(atPath: path + "-wal"))
        try withEngine(at: path) { store throws in
            #expect(try store.events().map(\.ref.rawValue) == Array(1...50))
            try store.run(.set("51", "1"))
            #expect(try store.head().lastRef == 51)
        }
    }

    @Test("a write that fails in the middle leaves the store as it was, and it goes on")
    func failedWrite() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        // A process of its own, because the limit on the size of files holds for a whole process.
        await #expect(processExitsWith: .success) { [path = path as String] in
            signal(SIGXFSZ, SIG_IGN)
            let store = StoreDriver(engine: try SQLiteEngine(path: path))
            try store.run(.set("a", "1"))
            var limit = rlimit(rlim_cur: 300_000, rlim_max: rlim_t.max)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let large = Value(bytes: [UInt8](repeating: 1, count: 1_000_000))
            let error = #expect(throws: StoreError.self) { try store.run(.set("a", large)) }
            #expect(error?.retry == .safe)
            #expect(try store.record("a")?.value == "1")
            limit.rlim_cur = rlim_t.max
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            try store.run(.set("b", large))
            #expect(try store.events().map(\.ref) == [1, 2])
            store.engine.close()
        }
    }

    @Test("two processes write one file: every event once, in one order, seen by both")
    func twoProcesses() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        let engine = try SQLiteEngine(path: path)
        defer { engine.close() }
        let store = StoreDriver(engine: engine)
        let mine = Task.detached {
            for number in 0..<200 {
                try store.run(.set("shared", Value("a\(number)")), .set(Key("a/\(number)"), "1"))
                guard case .record(let record)? = engine.readyRecord("shared") else { continue }
                // Memory may only tell what is current: at least what was just written here.
                #expect(record.version > Int64(number))
            }
        }
        await #expect(processExitsWith: .success) { [path = path as String] in
            let store = StoreDriver(engine: try SQLiteEngine(path: path))
            for number in 0..<200 { try store.run(.set("shared", Value("b\(number)")), .set(Key("b/\(number)"), "1")) }
            store.engine.close()
        }
        try await mine.value
        let events = try store.events()
        #expect(events.map(\.ref.rawValue) == Array(1...800))
        #expect(events.filter { $0.key == "shared" }.map(\.version) == Array(1...400))
        #expect(try store.record("shared") == events.last { $0.key == "shared" }.map(Record.init(after:)))
        #expect(try store.records().count == 401)
    }
}

extension WatchUpdate? {
    /// The events, if it is events.
    fileprivate var events: [Event] {
        if case .events(let events) = self { events } else { [] }
    }
}

extension ReadyRecord? {
    fileprivate var isAbsent: Bool {
        if case .absent = self { true } else { false }
    }
}
