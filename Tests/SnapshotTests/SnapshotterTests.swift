import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSnapshots
import CairnTestSupport
import Logging
import Testing

@Suite("snapshots: when they are made, and what a store begins with")
struct SnapshotterTests {
    private let kept = KeptSnapshots()
    private let clock = ManualClock()
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func options(
        interval: Duration? = nil, keep: Int = 5, key: SnapshotKey? = nil, fresh: Bool = false
    ) -> SnapshotOptions {
        var options = SnapshotOptions()
        options.interval = interval
        options.keep = keep
        options.key = key
        options.startsFresh = fresh
        return options
    }

    private func open(_ options: SnapshotOptions? = nil) throws -> (engine: MemoryEngine, snapshotter: Snapshotter) {
        try Snapshotter.open(kept, options: options ?? self.options(), clock: clock, logger: logger)
    }

    private func set(_ key: Key, on engine: MemoryEngine) throws {
        _ = try EngineDriver(engine).commit([Transaction(then: [.set(key, "1")])], at: clock.now())
    }

    private func keys(_ engine: MemoryEngine) -> [Key] {
        var keys: [Key] = []
        engine.cut().forEachRecord { keys.append($0.key) }
        return keys
    }

    @Test("at each interval if something has changed, and not otherwise")
    func interval() async throws {
        let (engine, snapshotter) = try open(options(interval: .seconds(30)))
        let running = Task { await snapshotter.run() }
        try await clock.waitForSleeper(until: clock.now() + .seconds(30))
        try set("a", on: engine)
        clock.advance(by: .seconds(30))
        try await kept.waitForAttempts(1)
        // When it sleeps again, it is done with the last one.
        for _ in 0..<3 {
            try await clock.waitForSleeper(until: clock.now() + .seconds(30))
            clock.advance(by: .seconds(30))
        }
        try await clock.waitForSleeper(until: clock.now() + .seconds(30))
        #expect(kept.names.count == 1)
        try set("b", on: engine)
        clock.advance(by: .seconds(30))
        try await kept.waitForAttempts(2)
        running.cancel()
        await running.value
        #expect(try await snapshotter.snapshots().map(\.headRef) == [1, 2])
        #expect(try await snapshotter.snapshots().allSatisfy { $0.occasion == .interval && !$0.isEncrypted })
    }

    @Test("one that fails is tried again after the next interval, and harms nobody")
    func failing() async throws {
        let (engine, snapshotter) = try open(options(interval: .seconds(30)))
        try set("a", on: engine)
        kept.refuse(with: StoreError(.storageFull, "full"))
        #expect(await awaitedFailure { _ = try await snapshotter.createSnapshot() }?.code == .storageFull)
        let running = Task { await snapshotter.run() }
        try await clock.waitForSleeper(until: clock.now() + .seconds(30))
        clock.advance(by: .seconds(30))
        try await kept.waitForAttempts(2)
        try await clock.waitForSleeper(until: clock.now() + .seconds(30))
        #expect(kept.names.isEmpty)
        kept.refuse(with: nil)
        clock.advance(by: .seconds(30))
        try await kept.waitForAttempts(3)
        running.cancel()
        await running.value
        #expect(kept.names.count == 1)
        #expect(try keys(open().engine) == ["a"])
    }

    @Test("on demand always, at the end if something has changed")
    func demandAndEnd() async throws {
        var (engine, snapshotter) = try open()
        try await snapshotter.finish()
        #expect(kept.names.isEmpty, "an empty store that was empty before")
        (engine, snapshotter) = try open()
        try set("a", on: engine)
        let first = try await snapshotter.createSnapshot()
        let second = try await snapshotter.createSnapshot()
        #expect(first.name < second.name && first.headRef == 1 && first.byteCount == second.byteCount)
        try await snapshotter.finish()
        #expect(kept.names.map(\.text) == [first.name, second.name], "nothing has changed since")
        (engine, snapshotter) = try open()
        try set("b", on: engine)
        try await snapshotter.finish()
        #expect(kept.names.count == 3)
        (engine, snapshotter) = try open()
        #expect(keys(engine) == ["a", "b"])
        #expect(try await snapshotter.snapshots().map(\.occasion) == [.request, .request, .shutdown])
    }

    @Test("the last one that can't be made is told")
    func failingEnd() async throws {
        let (engine, snapshotter) = try open()
        try set("a", on: engine)
        kept.refuse(with: StoreError(.storageFull, "full"))
        #expect(await awaitedFailure { try await snapshotter.finish() }?.code == .storageFull)
    }

    @Test("the newest stay, however the clock goes")
    func retention() async throws {
        let (engine, snapshotter) = try open(options(keep: 3))
        kept[SnapshotName(server: "other", time: Timestamp(microseconds: 0))] = [1]
        for number in 0..<6 {
            try set(Key("\(number)"), on: engine)
            clock.advance(by: .seconds(number == 3 ? -100 : 1))
            _ = try await snapshotter.createSnapshot()
        }
        #expect(try await snapshotter.snapshots().map(\.headRef) == [4, 5, 6])
        #expect(kept.names.count == 4, "another server's are left alone")
        #expect(try keys(open().engine).count == 6)
    }

    @Test("a broken snapshot is passed over for the one before it, and a new one is made then")
    func broken() async throws {
        var (engine, snapshotter) = try open()
        for key: Key in ["a", "b", "c"] {
            try set(key, on: engine)
            clock.advance(by: .seconds(1))
            _ = try await snapshotter.createSnapshot()
        }
        let names = kept.names
        kept[names[2]]?[150] ^= 1
        kept[names[1]]?.removeLast()
        (engine, snapshotter) = try open()
        #expect(keys(engine) == ["a"])
        try await snapshotter.finish()
        #expect(kept.names.count == 4, "the newest was not what the store holds")
        #expect(try keys(open().engine) == ["a"])
        for name in kept.names { kept[name]?[0] ^= 1 }
        #expect(failure { _ = try open() }?.code == .corrupted, "all are broken")
        #expect(try keys(open(options(fresh: true)).engine).isEmpty)
    }

    @Test("a store that starts fresh is what the next one begins with")
    func fresh() async throws {
        var (engine, snapshotter) = try open()
        try set("a", on: engine)
        try await snapshotter.finish()
        (engine, snapshotter) = try open(options(fresh: true))
        #expect(keys(engine).isEmpty)
        try await snapshotter.finish()
        #expect(kept.names.count == 2)
        #expect(try keys(open().engine).isEmpty)
    }

    @Test("a key that is wrong or missing stops the start, also when an older snapshot needs none")
    func keys() async throws {
        var (engine, snapshotter) = try open()
        try set("a", on: engine)
        try await snapshotter.finish()
        (engine, snapshotter) = try open(options(key: testKey(1)))
        try set("b", on: engine)
        try await snapshotter.finish()
        #expect(failure { _ = try open() }?.code == .permissionDenied)
        #expect(failure { _ = try open(options(key: testKey(2))) }?.code == .permissionDenied)
        #expect(try keys(open(options(key: testKey(1))).engine) == ["a", "b"])
    }

    @Test("options that make no sense")
    func badOptions() {
        for change: (inout SnapshotOptions) -> Void in [
            { $0.server = "" }, { $0.server = ".a" }, { $0.server = "a@b" }, { $0.server = "a/b" },
            { $0.server = String(repeating: "a", count: 65) }, { $0.keep = 0 }, { $0.interval = .zero },
        ] {
            var options = SnapshotOptions()
            change(&options)
            #expect(failure { try options.check() }?.code == .invalidArgument)
        }
    }

    @Test("a key is read from text and from bytes")
    func keyTexts() throws {
        let folder = try TemporaryFolder()
        let engine = MemoryEngine()
        try set("a", on: engine)
        try kept.keep(engine, key: testKey())
        let hex = String(repeating: "07", count: 32)
        let base64 = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
        for (number, content) in [Array(hex.utf8), Array((base64 + "\n").utf8), [UInt8](repeating: 7, count: 32)]
            .enumerated()
        {
            let path = folder.path + "/key\(number)"
            try CairnTestFiles.write(content, to: path)
            _ = try kept.restore(key: SnapshotKey(file: path))
        }
        for text in [hex, hex.uppercased(), base64, " \(hex)\n"] { _ = try kept.restore(key: SnapshotKey(text: text)) }
        for text in ["", "short", hex + "00", String(repeating: "z", count: 64)] {
            #expect(failure { _ = try SnapshotKey(text: text) }?.code == .invalidArgument)
        }
        #expect(failure { _ = try SnapshotKey(file: folder.path + "/none") }?.code == .invalidArgument)
        try CairnTestFiles.write([UInt8](repeating: 7, count: 31), to: folder.path + "/short")
        #expect(failure { _ = try SnapshotKey(file: folder.path + "/short") }?.code == .invalidArgument)
    }
}
