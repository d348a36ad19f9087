import CairnConformance
import CairnKeyspace
import CairnModel
import CairnPostgres
import CairnSQL
import CairnTestSupport
import Testing

@Suite("PostgreSQL home", .enabled(if: hasPostgres, postgresReason))
struct PostgresConformanceTests {
    @Test(
        "conforms", .timeLimit(.minutes(10)), arguments: Check.all(for: .databaseServer, canDriveTime: true))
    func conforms(_ check: Check) async throws {
        let home = try await TestHome().home()
        let clock = ManualClock()
        let engine = try await blocking { try ServerEngine(home, options: home.options) }
        let store = try await Keyspace.open(engine, clock: clock)
        try await check.run(ConformanceStore(store, advance: { clock.advance(by: $0) }))
        await store.close()
    }
}
