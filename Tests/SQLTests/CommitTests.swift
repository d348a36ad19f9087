import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Dispatch
import Synchronization
import Testing

@testable import CairnSQL

@Suite("database homes: commits", .timeLimit(.minutes(10)))
struct CommitTests {
    private let database = FakeDatabase()

    private func withStore(
        patience: Duration = .seconds(5), _ body: (Keyspace) async throws -> Void
    ) async throws {
        var home = FakeHome(database)
        home.options.patience = patience
        let opened = home
        let store = try await Keyspace.open { () throws(StoreError) in try opened.engine() }
        do {
            try await body(store)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func events() throws -> [Event] {
        try database.tables.read { (view) throws(StoreError) in
            try view.events(from: 1, limit: .max, bytes: .max)
        }
    }

    @Test("what the database has undone is run again, and happens once")
    func undone() async throws {
        try await withStore { store async throws in
            database.doom(.refused(FakeDatabase.deadlock), .refused(FakeDatabase.deadlock))
            #expect(try await store.set("key", "1").updatedRef == 1)
            #expect(database.state.withLock { $0.commits } == 3)
            #expect(try events().map(\.version) == [1])
        }
    }

    @Test("a commit whose answer was lost happens once, whether it was stored or not", arguments: [true, false])
    func unheard(isStored: Bool) async throws {
        try await withStore { store async throws in
            try await store.set("key", "0")
            database.doom(isStored ? .storedUnheard : .lostUnheard)
            #expect(try await store.set("key", "1").updatedRef == 2)
            #expect(try events().map(\.version) == [1, 2])
            #expect(database.state.withLock { $0.commits } == (isStored ? 2 : 3))
            #expect(try await store.set("key", "2").updatedRef == 3)
        }
    }

    @Test("answers lost again and again, in any order: each batch happens once")
    func unheardOften() async throws {
        try await withStore { store async throws in
            var generator = SeededGenerator(seed: 7)
            for number in 1...200 {
                for _ in 0..<Int.random(in: 0...2, using: &generator) {
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: database.doom(.storedUnheard)
                    case 1: database.doom(.lostUnheard)
                    default: database.doom(.refused(FakeDatabase.deadlock))
                    }
                }
                #expect(try await store.set("key", Value("\(number)")).updatedRef == Ref(Int64(number)))
            }
            #expect(try events().map(\.version) == Array(1...200))
        }
    }

    @Test("if the database stays away the outcome is unknown, and said to be")
    func unknown() async throws {
        try await withStore(patience: .milliseconds(50)) { store async throws in
            database.doom(.storedUnheard)
            database.state.withLock { $0.isAway = false }
            let task = Task { try await store.set("key", "1") }
            // The commit reaches it; whatever comes after doesn't.
            try await eventually("the commit has reached the database") {
                database.state.withLock { state in
                    if state.commits > 0 { state.isAway = true }
                    return state.commits > 0
                }
            }
            let outcome = await task.result
            if case .failure(let error as StoreError) = outcome {
                #expect(error.code == .unavailable && error.retry == .unknownOutcome, "\(error)")
            } else {
                // It was asked before it went away.
                #expect(try outcome.get().updatedRef == 1)
            }
            database.state.withLock { $0.isAway = false }
            #expect(try await store.set("key", "2").updatedRef == 2)
        }
    }

    @Test("a database that is away is waited for; when it stays away, nothing was changed")
    func away() async throws {
        try await withStore(patience: .milliseconds(60)) { store async throws in
            database.state.withLock { $0.isAway = true }
            let error = await #expect(throws: StoreError.self) { try await store.set("key", "1") }
            #expect(error?.code == .unavailable && error?.retry == .safe)
            let read = await #expect(throws: StoreError.self) { try await store.get("key") }
            #expect(read?.code == .unavailable)
            database.state.withLock { $0.isAway = false }
            #expect(try await store.set("key", "1").updatedRef == 1)
        }
    }

    @Test("a database that stays away is waited for once; until it is there again each batch is tried once")
    func onePatience() throws {
        var home = FakeHome(database)
        home.options.patience = .milliseconds(100)
        // Presence opens no connections meanwhile.
        home.options.beatInterval = .seconds(600)
        let engine = try home.engine()
        defer { engine.close() }
        try set("1", in: engine, isFollowed: false)
        database.state.withLock { $0.isAway = true }
        let error = #expect(throws: StoreError.self) { try set("2", in: engine, isFollowed: false) }
        #expect(error?.code == .unavailable && error?.retry == .safe)
        for _ in 0..<10 {
            let before = database.state.withLock { $0.opens }
            #expect(throws: StoreError.self) { try set("2", in: engine, isFollowed: false) }
            #expect(database.state.withLock { $0.opens } == before + 1)
        }
        // There again, and busy: it is tried as ever.
        database.state.withLock { $0.isAway = false }
        database.doom(.refused(FakeDatabase.deadlock), .refused(FakeDatabase.deadlock))
        try set("2", in: engine, isFollowed: false)
        #expect(try events().map(\.version) == [1, 2])
    }

    @Test("an error for good comes at once")
    func forGood() async throws {
        try await withStore { store async throws in
            database.doom(.refused(StoreError(.storageFull, "no room", retry: .safe)))
            let error = await #expect(throws: StoreError.self) { try await store.set("key", "1") }
            #expect(error?.code == .storageFull)
            #expect(database.state.withLock { $0.commits } == 1)
        }
    }

    private func set(_ value: Value, in engine: ServerEngine<FakeHome>, isFollowed: Bool) throws(StoreError) {
        try engine.commit(isFollowed: { isFollowed }) { (view) throws(StoreError) in
            var batch = try Batch(view: view, now: Timestamp(microseconds: 1), limits: .standard)
            _ = try batch.decide([Transaction(then: [.set("key", value)])])
            return batch.changes
        }
    }

    private var isLockFree: Bool {
        guard database.headLock.passes(within: .zero) else { return false }
        database.headLock.open()
        return true
    }

    @Test("a batch that another follows keeps the head's lock for it; if that doesn't come, others get it")
    func followed() throws {
        let engine = try FakeHome(database).engine()
        defer { engine.close() }
        for value in ["1", "2"] as [Value] {
            try set(value, in: engine, isFollowed: true)
            #expect(!isLockFree)
        }
        engine.rest()
        #expect(isLockFree)
        try set("3", in: engine, isFollowed: false)
        #expect(isLockFree)
        #expect(try events().map(\.version) == [1, 2, 3])
    }

    @Test("when a batch fails, the lock is not kept, whatever follows")
    func followedFailure() throws {
        let engine = try FakeHome(database).engine()
        defer { engine.close() }
        database.doom(.refused(StoreError(.storageFull, "no room", retry: .safe)))
        let error = #expect(throws: StoreError.self) { try set("1", in: engine, isFollowed: true) }
        #expect(error?.code == .storageFull)
        #expect(isLockFree)
    }

    @Test("a store that has nothing to write holds no lock")
    func restingStore() async throws {
        try await withStore { store async throws in
            for round in 0..<20 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<20 {
                        group.addTask { _ = try await store.set(Key("k/\(number)"), Value("\(round)")) }
                    }
                    try await group.waitForAll()
                }
                // The last answers come before the committer looks whether more waits.
                try await eventually("the lock is free") { isLockFree }
            }
            #expect(try events().count == 400)
        }
    }
}
