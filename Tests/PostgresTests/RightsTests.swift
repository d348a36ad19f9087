import CairnModel
import CairnPostgres
import CairnSQL
import CairnTestServers
import Foundation
import Testing

/// A user who may use the tables and nothing else.
@Suite("PostgreSQL: rights", .enabled(if: hasPostgres, postgresReason))
struct RightsTests {
    /// The grants of the page, for this schema and user.
    private static func grants(schema: String, user: String) throws -> String {
        let page = try String(contentsOf: DocumentedQueriesTests.page, encoding: .utf8)
        let block = try #require(page.components(separatedBy: "```sql\n").dropFirst().first)
        let text = block.components(separatedBy: "\n```")[0]
        return text.replacing("cairn_app", with: user).replacing("cairn", with: schema)
    }

    @Test("the documented grants are enough for everything, and each of them is needed")
    func leastPrivilege() async throws {
        let test = try await TestHome()
        try await test.engine().close()
        let user = "app_\(test.schema)"
        let grants = try Self.grants(schema: test.schema, user: user)
        try await test.server.sql(grants)
        let url = test.server.url(database: "postgres", user: user, password: nil) + "?schema=\(test.schema)"
        let engine = try await blocking { try SessionEngine(PostgresHome(url)) }
        try await blocking { () throws in
            defer { engine.close() }
            let lease = LeaseID.firstChosen
            for _ in 0..<2 {
                try engine.run(
                    Transaction(
                        then: [
                            .grantLease(id: lease, duration: .seconds(5)), .set("a", "1", lease: lease), .set("b", "2"),
                            .acknowledge(consumer: "c", through: 0),
                        ], clientID: "app", requestID: .random()))
                try engine.run(.delete("b"), .expireLease(lease), .deleteConsumer("c"))
            }
            _ = try engine.session.beat(engine.replica)
            _ = try engine.session.lastBatch(of: engine.replica)
            _ = try engine.session.trim(requestsBefore: Timestamp(microseconds: .max), limit: 10)
            _ = try engine.session.join(ReplicaID(), address: "")
            try engine.session.leave(engine.replica)
        }
        // One after the other is taken away.
        for line in grants.split(separator: "\n") where line.hasPrefix("GRANT") && line.contains(" ON \(test.schema).")
        {
            let words = line.replacing(",", with: "").split(separator: " ")
            let rights = words.dropFirst().prefix { $0 != "ON" }
            let tables = words.drop { $0 != "ON" }.dropFirst().prefix { $0 != "TO" }
            for right in rights {
                for table in tables where !table.hasSuffix("schema_version") {
                    try await test.server.sql("REVOKE \(right) ON \(table) FROM \(user)")
                    let error = try await blocking { failure { _ = try SessionEngine(PostgresHome(url)) } }
                    #expect(error?.code == .permissionDenied, "\(right) on \(table)")
                    #expect(error?.message.contains("\(right) on \(table)") == true)
                    try await test.server.sql("GRANT \(right) ON \(table) TO \(user)")
                }
            }
        }
    }
}
