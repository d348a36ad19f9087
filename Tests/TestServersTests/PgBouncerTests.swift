import CairnTestServers
import Testing

@Suite(
    "PgBouncer for tests",
    .enabled(if: PgBouncer.unavailableReason == nil, "\(PgBouncer.unavailableReason ?? "")"))
struct PgBouncerTests {
    @Test("it gives connections to its server for a transaction at a time")
    func transactionMode() async throws {
        let server = try await SharedServer.postgres()
        let database = try await server.freshDatabase()
        try await PgBouncer.with(before: server) { bouncer in
            #expect(try await bouncer.sql("SELECT current_database()", database: database.name) == database.name)
            #expect(try await bouncer.sql("SHOW CONFIG", database: "pgbouncer").contains("pool_mode|transaction|"))
            #expect(bouncer.url(database: "d") == "postgres://postgres@127.0.0.1:\(bouncer.port)/d")
            try await bouncer.restart()
            #expect(try await bouncer.sql("SELECT 1", database: database.name) == "1")
        }
    }
}
