import CairnClient
import CairnConformance
import CairnModel
import CairnSecurity
import CairnTestSupport
import Testing

/// Every promise of the contract, with a client, a network and a server in between.
@Suite("gRPC client")
struct ConformanceTests {
    @Test(
        "conforms, before the memory home", .timeLimit(.minutes(10)),
        arguments: Check.all(for: Home.memory.capabilities, canDriveTime: true))
    func memory(_ check: Check) async throws { try await run(check, on: .memory) }

    @Test(
        "conforms, before the SQLite home", .timeLimit(.minutes(10)),
        arguments: Check.all(for: Home.sqlite.capabilities, canDriveTime: true))
    func sqlite(_ check: Check) async throws { try await run(check, on: .sqlite) }

    @Test(
        "conforms, where each call is asked who makes it", .timeLimit(.minutes(10)),
        arguments: Check.all(for: Home.memory.capabilities, canDriveTime: true))
    func guarded(_ check: Check) async throws {
        // Nobody in particular, who may do everything: so that client ids are what the checks say.
        var anybody = TokenEntry(name: TokenEntry.anonymous, proof: .nothing)
        anybody.isAdmin = true
        let access = AccessControl(policy: AccessPolicy(entries: [anybody]))
        try await withServedStore(.memory, access: access) { served, client in
            try await check.run(ConformanceStore(client, advance: { served.clock.advance(by: $0) }))
        }
    }

    private func run(_ check: Check, on home: Home) async throws {
        try await withServedStore(home) { served, client in
            try await check.run(ConformanceStore(client, advance: { served.clock.advance(by: $0) }))
        }
    }
}
