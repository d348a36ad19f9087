import CairnModel
import CairnTestServers
import Foundation
import Testing

@testable import CairnPostgres

/// The server's plans: every statement finds its rows by an index, however many there are.
@Suite("PostgreSQL: plans", .enabled(if: hasPostgres, postgresReason))
struct PlanTests {
    /// A hundred thousand keys, most of them live, on few and on many leases, and as many events, leases and requests.
    private static let rows = """
        INSERT INTO $.records (key, version, created_version, created_ref, updated_ref, deleted_ref, lease_id,
            lock_token, value_kind, value)
        SELECT convert_to('key/' || md5(n::text), 'UTF8'), 1, 1, n, n, CASE WHEN n % 3 = 0 THEN n END,
            CASE WHEN n % 2 = 0 THEN 5 ELSE n END, 0, 0, convert_to(repeat('x', 100), 'UTF8')
        FROM generate_series(1, 100000) AS n;
        INSERT INTO $.events (ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time,
            client_id, transaction_index, transaction_count, lock_token, value_kind, value)
        SELECT n, 1, convert_to('key/' || md5(n::text), 'UTF8'), 1, n, n, 1, NULL, n, '', 0, 1, 0, 0,
            convert_to(repeat('x', 100), 'UTF8')
        FROM generate_series(1, 100000) AS n;
        INSERT INTO $.leases SELECT n, CASE WHEN n % 2 = 0 THEN n END, 1000000, true
        FROM generate_series(1, 100000) AS n;
        INSERT INTO $.locks SELECT n, n, 1000000, 0, convert_to(n::text, 'UTF8'), 'me'
        FROM generate_series(1, 100000) AS n;
        INSERT INTO $.requests SELECT decode(md5(n::text), 'hex'), n, '{}' FROM generate_series(1, 100000) AS n;
        INSERT INTO $.consumers SELECT convert_to(n::text, 'UTF8'), n, n FROM generate_series(1, 10000) AS n;
        UPDATE $.head SET last_ref = 100000, oldest_ref = 50000;
        """

    /// What a connection of ours has set.
    private static let settings = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;"

    /// How often a parameter of each kind is named in a statement decides nothing; the highest number does.
    private static func parameterCount(_ sql: String) -> Int {
        (1...20).last { sql.contains("$\($0)::") } ?? 0
    }

    @Test(
        "no statement reads a whole table or sorts one, and each uses the indexes that the page names",
        arguments: [true, false])
    func plans(isAnalyzed: Bool) async throws {
        let test = try await TestHome()
        try await test.engine().close()
        try await test.sql(Self.rows + (isAnalyzed ? "ANALYZE" : ""))
        let page = try String(contentsOf: DocumentedQueriesTests.page, encoding: .utf8)
        for statement in Statements(schema: test.schema).all {
            let nulls = Array(repeating: "NULL", count: Self.parameterCount(statement.sql)).joined(separator: ", ")
            let plan = try await test.server.sql(
                """
                \(Self.settings) SET plan_cache_mode = force_generic_plan;
                PREPARE checked AS \(statement.sql);
                EXPLAIN EXECUTE checked\(nulls.isEmpty ? "" : "(\(nulls))");
                """)
            #expect(!plan.contains("Seq Scan"), "\(statement.name)\n\(plan)")
            #expect(!plan.contains("Bitmap"), "\(statement.name)\n\(plan)")
            #expect(!plan.contains("Sort"), "\(statement.name)\n\(plan)")
            let row = try #require(page.split(separator: "\n").first { $0.contains("`\(statement.name)`") })
            #expect(Self.indexes(in: String(row.split(separator: "|")[2])) == Self.indexes(in: plan), "\(row)\n\(plan)")
        }
    }

    /// The indexes that a text names; our tables have no other things with such names.
    private static func indexes(in text: String) -> Set<Substring> {
        let words = text.split { !($0.isLetter || $0 == "_") }
        return Set(words.filter { $0.hasSuffix("_pkey") || $0.contains("_by_") })
    }

    @Test("a page of a list reads no more rows than it returns")
    func pages() async throws {
        let test = try await TestHome()
        try await test.engine().close()
        try await test.sql(Self.rows + "ANALYZE; DELETE FROM $.records WHERE deleted_ref IS NOT NULL; VACUUM $.records")
        let statements = Statements(schema: test.schema)
        let calls = [
            (statements.view.pageToEnd, "'', NULL, 100, 1000000"),
            (statements.view.page, "'key/0', 'key/f', 100, 1000000"),
            (statements.view.keysToEnd, "'', NULL, 100"), (statements.view.keys, "'key/8', 'key/9', 100"),
            (statements.view.events, "70000, NULL, 100, 1000000"), (statements.view.leasesDue, "5000, 100"),
            (statements.view.leasesFrom, "70000, 100"), (statements.view.locksDue, "5000, 100"),
            (statements.view.locksFrom, "70000, 100"),
        ]
        for (statement, arguments) in calls {
            for mode in ["force_generic_plan", "force_custom_plan"] {
                let plan = try await test.server.sql(
                    """
                    \(Self.settings) SET plan_cache_mode = \(mode);
                    PREPARE checked AS \(statement.sql);
                    EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) EXECUTE checked(\(arguments));
                    """)
                let scanned = plan.split(separator: "\n").filter { $0.contains("Scan using") }
                #expect(
                    !scanned.isEmpty && scanned.allSatisfy { $0.contains("rows=100 ") }, "\(statement.name)\n\(plan)")
                #expect(!plan.contains("Rows Removed"), "\(statement.name)\n\(plan)")
            }
        }
    }
}
