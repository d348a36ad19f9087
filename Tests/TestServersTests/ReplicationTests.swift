import CairnTestServers
import Testing

@Suite(
    "PostgreSQL with a standby",
    .enabled(if: PostgresServer.unavailableReason == nil, "\(PostgresServer.unavailableReason ?? "")"))
struct ReplicationTests {
    @Test("a synchronous standby that is promoted has every row, and the old primary can follow it")
    func failOver() async throws {
        try await PostgresServer.with { primary in
            let standby = try await primary.standby(isSynchronous: true)
            try await primary.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
            #expect(try await primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync")
            #expect(try await standby.isStandby)
            try await primary.kill()
            try await standby.promote()
            #expect(try await !standby.isStandby)
            try await standby.sql("INSERT INTO t VALUES (2)")
            try await primary.rewind(to: standby)
            #expect(try await primary.isStandby)
            #expect(try await primary.sql("SELECT id FROM t ORDER BY id") == "1\n2")
            try await standby.remove()
        }
    }

    @Test("an asynchronous standby follows, and takes no writes")
    func asynchronous() async throws {
        try await PostgresServer.with { primary in
            let standby = try await primary.standby()
            try await primary.sql("CREATE TABLE t (id int)")
            try await primary.waitUntilFollowed(by: standby)
            #expect(try await standby.sql("SELECT count(*) FROM t") == "0")
            let failure = await #expect(throws: ServerFailure.self) {
                try await standby.sql("INSERT INTO t VALUES (1)")
            }
            #expect(failure?.description.contains("read-only transaction") == true)
            try await standby.remove()
        }
    }
}
