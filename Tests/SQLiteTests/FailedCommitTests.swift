import CairnKeyspace
import CairnModel
import CairnSQLite
import Foundation
import Testing

/// What becomes of a batch whose COMMIT fails: it is told so rightly, and a crash right after it shows nothing else.
///
/// Each runs in a process of its own, which ends as in a crash: nothing is closed, and the next to open the file finds
/// the log as it was left.
@Suite("SQLite: a COMMIT that fails", .timeLimit(.minutes(10)))
struct FailedCommitTests {
    /// A store with one event, on files that can be made to fail.
    private static func openWithOneEvent(_ path: String) throws -> StoreDriver {
        FailingFiles.install()
        let store = StoreDriver(engine: try SQLiteEngine(path: path))
        try store.run(.set("a", "1"))
        return store
    }

    /// The error of a batch of three sets, which must fail.
    private static func failure(of store: StoreDriver) throws -> StoreError {
        do throws(StoreError) {
            try store.run(.set("b", "1"), .set("c", "1"), .set("d", "1"))
        } catch {
            return error
        }
        return try #require(nil, "the batch was acknowledged")
    }

    /// The keys of the events in the file.
    private func keys(_ path: String) throws -> [Key] {
        var keys: [Key] = []
        try withEngine(at: path) { store throws in
            let events = try store.events()
            #expect(events.map(\.ref.rawValue) == Array(1..<Int64(events.count + 1)))
            #expect(Set(try store.records().map(\.key)) == Set(events.map(\.key)))
            keys = events.map(\.key)
        }
        return keys
    }

    @Test("after a sync that failed, the batch is void, and no crash brings it back")
    func void() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let store = try FailedCommitTests.openWithOneEvent(path)
            FailingFiles.fail(.init(syncs: 1))
            let error = try FailedCommitTests.failure(of: store)
            try #require(error.code == .storageFailed && error.retry == .safe, "\(error)")
            // Neither memory nor the file shows it.
            if case .record? = store.engine.readyRecord("b") { _exit(1) }
            try #require(try store.record("b") == nil && store.head().lastRef == 1)
            _exit(0)
        }
        #expect(try keys(path) == ["a"])
    }

    @Test("if it can't be made void either, its outcome is unknown, and the store goes on")
    func unknown() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let store = try FailedCommitTests.openWithOneEvent(path)
            FailingFiles.fail(.init(syncs: 2))
            let error = try FailedCommitTests.failure(of: store)
            try #require(error.code == .storageFailed && error.retry == .unknownOutcome, "\(error)")
            // Nobody sees it, and the next batch takes its place.
            try #require(try store.record("b") == nil)
            try store.run(.set("e", "1"))
            try #require(try store.record("e")?.updatedRef == 2)
            _exit(0)
        }
        #expect(try keys(path) == ["a", "e"])
    }

    @Test("an outcome that is told to be unknown can be that it happened, all of it")
    func happened() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let store = try FailedCommitTests.openWithOneEvent(path)
            // The batch is written and its sync fails; what should make it void is not written at all.
            FailingFiles.fail(.init(syncs: 1, writes: 1))
            let error = try FailedCommitTests.failure(of: store)
            try #require(error.code == .storageFailed && error.retry == .unknownOutcome, "\(error)")
            try #require(try store.record("b") == nil)
            _exit(0)
        }
        #expect(try keys(path) == ["a", "b", "c", "d"])
    }

    @Test("a COMMIT that fails when everything is done is found out, and acknowledged")
    func done() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let store = try FailedCommitTests.openWithOneEvent(path)
            FailingFiles.fail(.init(endings: 1))
            try store.run(.set("b", "1"))
            try #require(FailingFiles.left.endings == 0)
            try #require(try store.record("b")?.updatedRef == 2)
            try store.run(.set("b", "2"))
            try #require(try store.record("b")?.version == 2)
            _exit(0)
        }
        #expect(try keys(path) == ["a", "b", "b"])
    }
}
