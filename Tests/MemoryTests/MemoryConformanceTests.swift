import CairnConformance
import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@Suite("memory home")
struct MemoryConformanceTests {
    @Test(
        "conforms", .timeLimit(.minutes(10)), arguments: Check.all(for: MemoryEngine.capabilities, canDriveTime: true))
    func conforms(_ check: Check) async throws {
        let clock = ManualClock()
        let store = try await Keyspace.open(MemoryEngine(), clock: clock)
        try await check.run(ConformanceStore(store, advance: { clock.advance(by: $0) }))
        await store.close()
    }
}
