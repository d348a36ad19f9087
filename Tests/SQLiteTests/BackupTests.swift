import CairnKeyspace
import CairnModel
import CairnSQLite
import Foundation
import Testing

@Suite("SQLite: backup")
struct BackupTests {
    @Test("a copy is a store of one moment")
    func copy() throws {
        try withEngine { store, path throws in
            for number in 0..<50 {
                try store.run(.set(Key("\(number)"), Value(bytes: [UInt8](repeating: 1, count: 5_000))))
            }
            let copy = path + ".copy"
            try store.engine.backup(toFile: copy)
            let events = try store.events()
            try store.run(.set("later", "1"))
            #expect(!FileManager.default.fileExists(atPath: copy + "-wal"))
            try withEngine(at: copy) { other throws in
                #expect(try other.events() == events)
                try other.run(.set("elsewhere", "1"))
            }
            #expect(try store.record("elsewhere") == nil)
            #expect(try output(of: "sqlite3", [copy, "PRAGMA integrity_check"])?.text ?? "ok\n" == "ok\n")
        }
    }

    @Test("a copy that is made while others write is whole")
    func whileWriting() async throws {
        let directory = try TemporaryDirectory()
        let engine = try SQLiteEngine(path: directory.file("store.db"))
        defer { engine.close() }
        let store = StoreDriver(engine: engine)
        for number in 0..<20 {
            try store.run(.set(Key("\(number)"), Value(bytes: [UInt8](repeating: 1, count: 100_000))))
        }
        let writing = Task.detached {
            // Both keys always have the same version.
            for _ in 0..<200 { try store.run(.set("x", "1"), .set("y", "1")) }
        }
        for number in 0..<5 { try engine.backup(toFile: directory.file("copy \(number)")) }
        try await writing.value
        for number in 0..<5 {
            try withEngine(at: directory.file("copy \(number)")) { copy throws in
                #expect(try copy.record("x")?.version == copy.record("y")?.version)
                #expect(try copy.events().last?.ref == copy.head().lastRef)
            }
        }
    }

    @Test("nothing is overwritten, and a place that does not exist is told as such")
    func refusals() throws {
        try withEngine { store, path throws in
            try store.run(.set("a", "1"))
            for (target, words) in [(path, "exists already"), (path + "/none/copy", "does not exist"), ("", "empty")] {
                let error = #expect(throws: StoreError.self) { try store.engine.backup(toFile: target) }
                #expect(error?.code == .invalidArgument)
                #expect(error?.message.contains(words) == true)
            }
            #expect(try store.records().count == 1)
        }
    }

    @Test(
        "a copy for which there is no room is removed",
        .enabled(if: TemporaryVolume.isPossible, "needs the right to mount a tmpfs")
    )
    func noRoom() throws {
        let volume = try TemporaryVolume(size: "256k")
        try withEngine { store, _ throws in
            try store.run(.set("a", Value(bytes: [UInt8](repeating: 1, count: 1 << 20))))
            let error = #expect(throws: StoreError.self) { try store.engine.backup(toFile: volume.file("copy")) }
            #expect(error?.code == .storageFull)
            #expect(!FileManager.default.fileExists(atPath: volume.file("copy")))
            #expect(!FileManager.default.fileExists(atPath: volume.file("copy-journal")))
        }
    }
}
