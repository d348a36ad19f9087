import CairnClient
import CairnModel
import CairnTestServers
import Foundation
import Testing

/// The store that benchmarks compare with. It must do what it says: a comparison with one that loses writes would be
/// worth nothing.
@Suite("Benchmarks: the baseline")
struct BaselineTests {
    @Test(
        "keeps every set on PostgreSQL",
        .enabled(if: PostgresServer.unavailableReason == nil, "\(PostgresServer.unavailableReason ?? "")"))
    func postgres() async throws {
        try await keepsEverySet(on: try await SharedServer.postgres().freshDatabase())
    }

    @Test(
        "keeps every set on MariaDB",
        .enabled(if: MariaDBServer.unavailableReason == nil, "\(MariaDBServer.unavailableReason ?? "")"))
    func mariaDB() async throws {
        try await keepsEverySet(on: try await SharedServer.mariaDB().freshDatabase())
    }

    private func keepsEverySet(on database: TestDatabase) async throws {
        let program = URL(fileURLWithPath: CairnBinary.path).deletingLastPathComponent()
            .appendingPathComponent("cairn-baseline").path
        let process = try ChildProcess([program, database.url])
        do {
            let line = try await process.output.lines(atLeast: 1)[0]
            let server = ServerProcess(process: process, addresses: [String(line.dropFirst("listening on ".count))])
            let client = try server.client()
            try await setsAndGets(client)
            try await setsAtTheSameTime(client, database)
            try await refusesTheRest(client)
            await client.close()
            #expect(try await server.stop() == .code(0))
        } catch {
            try await process.killAndWait()
            throw error
        }
    }

    private func setsAndGets(_ client: CairnClient) async throws {
        #expect(try await client.get("none") == nil)
        let every = Value(bytes: Array(0...255))
        let large = Value(bytes: Array(repeating: 0x27, count: 1 << 20))
        for (place, value) in [every, "", large, "last"].enumerated() {
            let set = try await client.set("a", value)
            #expect(set.version == Int64(place + 1))
            let got = try await client.get("a")
            #expect(got?.value == value)
            #expect(got?.version == set.version && got?.updatedRef == set.updatedRef)
            #expect(got?.createdRef == set.createdRef && got?.createdVersion == 1)
        }
    }

    /// Sets of one key by more callers than there are connections: each gets a version of its own, and an event.
    private func setsAtTheSameTime(_ client: CairnClient, _ database: TestDatabase) async throws {
        let count = 200
        let records = try await withThrowingTaskGroup(of: Record.self) { group in
            for number in 1...count {
                group.addTask { try await client.set("contended", Value("\(number)")) }
            }
            return try await group.reduce(into: [Record]()) { $0.append($1) }
        }
        #expect(Set(records.map(\.version)) == Set(1...Int64(count)))
        #expect(Set(records.map(\.updatedRef)).count == count)
        let last = records.max { $0.version < $1.version }
        #expect(try await client.get("contended") == last)
        // Four sets of another key were before; none has left an event that doesn't count.
        let events = try await database.sql("SELECT COUNT(*), MAX(version) FROM baseline_events")
        #expect(events.split { !$0.isNumber } == ["\(count + 4)", "\(count)"])
    }

    private func refusesTheRest(_ client: CairnClient) async throws {
        func expectUnsupported(_ body: () async throws -> Void) async {
            let error = await #expect(throws: StoreError.self) { try await body() }
            #expect(error?.code == .unsupported)
        }
        await expectUnsupported { _ = try await client.delete("a") }
        await expectUnsupported { _ = try await client.set("a", "1", if: .absent) }
        await expectUnsupported { _ = try await client.list(ListRequest(range: .all)) }
        await expectUnsupported { _ = try await client.watch(WatchRequest(range: .all)) }
    }
}
