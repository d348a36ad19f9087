import CairnConformance
import CairnKeyspace
import CairnModel
import CairnSQLite
import CairnTestSupport
import Testing

@Suite("SQLite home")
struct SQLiteConformanceTests {
    @Test(
        "conforms", .timeLimit(.minutes(10)), arguments: Check.all(for: SQLiteEngine.capabilities, canDriveTime: true))
    func conforms(_ check: Check) async throws {
        let directory = try TemporaryDirectory()
        let clock = ManualClock()
        let engine = try SQLiteEngine(path: directory.file("store.db"))
        let store = try await Keyspace.open(engine, clock: clock)
        try await check.run(ConformanceStore(store, advance: { clock.advance(by: $0) }))
        await store.close()
    }
}
