import CairnModel
import CairnSQLite
import Foundation
import Testing

@Suite("SQLite: writing the log in one piece")
struct GatheredLogTests {
    @Test(
        "batches larger than SQLite's cache and the gathered piece are stored whole", arguments: [64 << 10, 64 << 20])
    func largeBatches(pageCache: Int) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        var options = SQLiteOptions()
        // With a cache this small, pages of a batch are written and read back before the batch is committed.
        options.pageCacheBytes = pageCache
        options.recordCacheBytes = 0
        var expected: [Key: Value] = [:]
        try withEngine(at: path, options: options) { store throws in
            for round in 0..<6 {
                let writes = (0..<1_000).map { number -> Transaction in
                    let key = Key("\(number &* 7_919 % 1_000)/\(round % 2)")
                    let value = Value(bytes: [UInt8](repeating: UInt8(round), count: 200 + number % 1_500))
                    expected[key] = value
                    return Transaction(then: [.set(key, value)])
                }
                for answer in try store.commit(writes) { _ = try answer.get() }
            }
        }
        // As the file has it, and as the shell, which checks every page, finds it.
        try withEngine(at: path) { store throws in
            for (key, value) in expected { #expect(try store.record(key)?.value == value) }
            #expect(try store.events().count == 6_000)
        }
        #expect(try output(of: "sqlite3", [path, "PRAGMA integrity_check"])?.text ?? "ok\n" == "ok\n")
    }
}
