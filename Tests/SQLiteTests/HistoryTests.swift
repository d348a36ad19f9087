import CairnMemory
import CairnSQLite
import CairnTestSupport
import Testing

@Suite("SQLite: histories")
struct HistoryTests {
    @Test("random histories leave the file as they leave the reference in memory")
    func againstMemory() throws {
        for number in 0..<UInt64(RandomRun.histories(40)) {
            let directory = try TemporaryDirectory()
            let engine = try SQLiteEngine(path: directory.file("store.db"))
            defer { engine.close() }
            if let difference = try compare(engine, MemoryEngine(), seed: RandomRun.seed &+ number) { throw difference }
        }
    }
}
