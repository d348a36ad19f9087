import CairnConformance
import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestSupport
import Testing

@Suite("MySQL home", .needsMariaDB)
struct MySQLConformanceTests {
    @Test("conforms", .timeLimit(.minutes(10)), arguments: Check.all(for: .databaseServer, canDriveTime: true))
    func conforms(_ check: Check) async throws {
        let clock = ManualClock()
        let store = try await Keyspace.open(try await FreshStore.engine(), clock: clock)
        try await check.run(ConformanceStore(store, advance: { clock.advance(by: $0) }))
        await store.close()
    }
}
