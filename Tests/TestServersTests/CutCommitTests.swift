import Testing

@testable import CairnTestServers

/// That the proxy cuts a real database's COMMIT where it says so.
@Suite("A commit that is cut")
struct CutCommitTests {
    @Test(
        "PostgreSQL has the row unless the commit was cut before the server got it",
        .enabled(if: PostgresServer.unavailableReason == nil, "\(PostgresServer.unavailableReason ?? "")"),
        arguments: CutPoint.allCases)
    func postgres(_ point: CutPoint) async throws {
        let server = try await SharedServer.postgres()
        let database = try await server.freshDatabase()
        try await database.sql("CREATE TABLE t (id int)")
        let proxy = try CuttingProxy(to: server.port)
        proxy.cut(when: "COMMIT", at: [point])
        try await blocking {
            for id in 0..<5 {
                let failure = #expect(throws: ServerFailure.self) {
                    try PostgresPrograms.sql(
                        "BEGIN;\nINSERT INTO t VALUES (\(id));\nCOMMIT;", port: proxy.port, user: server.superuser,
                        database: database.name, within: .seconds(30))
                }
                #expect(failure?.description.contains("server closed the connection") == true)
            }
            try block(until: "nobody is connected any more", within: .seconds(30)) {
                try server.sqlBlocking(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database.name)'") == "0"
            }
        }
        let rows = try await database.sql("SELECT count(*) FROM t")
        #expect(rows == (point == .beforeForwarding ? "0" : "5"))
        #expect(proxy.counts.cuts == [point: 5])
        proxy.close()
    }

    @Test(
        "MariaDB has the row unless the commit was cut before the server got it",
        .enabled(if: MariaDBServer.unavailableReason == nil, "\(MariaDBServer.unavailableReason ?? "")"),
        arguments: CutPoint.allCases)
    func mariaDB(_ point: CutPoint) async throws {
        let server = try await SharedServer.mariaDB()
        let database = try await server.freshDatabase()
        try await database.sql("CREATE TABLE t (id int) ENGINE = InnoDB")
        let proxy = try CuttingProxy(to: server.port)
        proxy.cut(when: "COMMIT", at: [point])
        try await blocking {
            for id in 0..<5 {
                let failure = #expect(throws: ServerFailure.self) {
                    try MariaDBPrograms.sql(
                        "BEGIN;\nINSERT INTO t VALUES (\(id));\nCOMMIT;", port: proxy.port, user: server.superuser,
                        database: database.name, within: .seconds(30))
                }
                #expect(failure?.description.contains("Lost connection") == true)
            }
            try block(until: "nobody is connected any more", within: .seconds(30)) {
                try server.sqlBlocking(
                    "SELECT count(*) FROM information_schema.processlist WHERE db = '\(database.name)'") == "0"
            }
        }
        let rows = try await database.sql("SELECT count(*) FROM t")
        #expect(rows == (point == .beforeForwarding ? "0" : "5"))
        #expect(proxy.counts.cuts == [point: 5])
        proxy.close()
    }
}
