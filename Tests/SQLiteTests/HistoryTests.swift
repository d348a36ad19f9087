import CairnMemory
import CairnSQLite
import CairnTestSupport
import Testing

@Suite("SQLite: histories")
struct HistoryTests {
    @Test("random histories leave the file as they leave the reference in memory")
    func againstMemory() async throws {
        // Each history is a file with its syncs, so there are fewer of them than of those in memory.
        for number in 0..<UInt64(max(40, RandomRun.histories(100_000) / 2_500)) {
            await Task.yield()
            let directory = try TemporaryDirectory()
            let engine = try SQLiteEngine(path: directory.file("store.db"))
            defer { engine.close() }
            if let difference = try compare(engine, MemoryEngine(), seed: RandomRun.seed &+ number) { throw difference }
        }
    }
}
