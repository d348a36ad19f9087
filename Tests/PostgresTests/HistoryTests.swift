import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@Suite("PostgreSQL: histories", .enabled(if: hasPostgres, postgresReason))
struct HistoryTests {
    @Test("random histories leave the tables as they leave the reference in memory")
    func againstMemory() async throws {
        // Each history is a schema with its commits, so there are fewer of them than of those in memory.
        for number in 0..<UInt64(max(40, RandomRun.histories(100_000) / 2_500)) {
            let engine = try await TestHome().engine()
            try await blocking { () throws in
                defer { engine.close() }
                if let difference = try compare(engine, MemoryEngine(), seed: RandomRun.seed &+ number) {
                    throw difference
                }
            }
        }
    }
}
