import CairnMemory
import CairnSQL
import CairnTestSupport
import Testing

@Suite("MySQL: histories", .needsMariaDB)
struct HistoryTests {
    @Test("random histories leave the tables as they leave the reference in memory")
    func againstMemory() async throws {
        // Each batch is a commit with its syncs, so there are fewer of them than of those in memory.
        for number in 0..<UInt64(max(10, RandomRun.histories(100_000) / 5_000)) {
            await Task.yield()
            let engine = try await FreshStore.engine()
            defer { engine.close() }
            if let difference = try compare(engine, MemoryEngine(), seed: RandomRun.seed &+ number) { throw difference }
        }
    }
}
