import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestServers
import Testing

@testable import CairnMySQL

/// The server's plans: every statement finds its rows by an index, however many there are.
@Suite("MySQL: plans", .needsMariaDB)
struct PlanTests {
    /// Many keys, most of them live, on few and on many leases, and as many events, leases and requests.
    private static func fill(_ connection: Connection) throws {
        try connection.run(
            """
            INSERT INTO cairn_records SELECT CONCAT('key/', MD5(seq)), 1, 1, seq, seq, IF(seq % 3 = 0, seq, NULL),
                IF(seq % 2 = 0, 5, seq), 0, 0, REPEAT('x', 100) FROM seq_1_to_30000;
            INSERT INTO cairn_events SELECT seq, 1, CONCAT('key/', MD5(seq)), 1, seq, seq, 1, NULL, seq, '', 0, 1, 0, 0,
                REPEAT('x', 100) FROM seq_1_to_30000;
            INSERT INTO cairn_leases SELECT seq, IF(seq % 2 = 0, seq, NULL), 1000000, 1 FROM seq_1_to_30000;
            INSERT INTO cairn_locks SELECT seq, seq, 'me', 0, seq, 1000000 FROM seq_1_to_30000;
            INSERT INTO cairn_requests SELECT seq, UNHEX(MD5(seq)), 0, '{}' FROM seq_1_to_30000;
            INSERT INTO cairn_consumers SELECT seq, seq, seq FROM seq_1_to_10000;
            UPDATE cairn_head SET last_ref = 30000, oldest_ref = 15000
            """)
    }

    /// Each statement that finds rows, and how many it may look at.
    private static func statements(_ all: Statements) -> [(sql: SQL, rows: Int)] {
        let range = KeyRange(from: "key/3", to: "key/c")
        let toEnd = KeyRange(from: "key/3", to: nil)
        let keys = (0..<100).map { Key("key/\($0)") }
        let time = Timestamp(microseconds: 5_000)
        let head = Head(lastRef: 30_000, oldestRef: 15_000, lastLeaseID: 1, time: time)
        return [
            (all.lockHead, 1), (all.batchStart, 1), (all.updateHead(head, from: head), 1), (all.head, 1),
            (all.nextDeadline, 1),
            (all.records(keys), 100), (all.records(in: range, limit: 100, valueBytes: nil), 151),
            (all.records(in: range, limit: 100, valueBytes: 4_096), 151),
            (all.records(in: toEnd, limit: 100, valueBytes: 4_096), 151),
            (all.records(in: .all, limit: 100, valueBytes: nil), 151),
            (all.recordsEver(in: range, limit: 100), 100),
            (all.recordsEver(in: toEnd, limit: 100), 100), (all.events((1...50).map { Ref($0) }), 50),
            (all.records(keys, withValues: false), 100), (all.keys(on: 4_001, limit: 10), 2),
            (all.keys(in: [range, KeyRange(from: "key/d", to: nil)], limit: 100), 151),
            (all.consumers(["7", "8"]), 2),
            (all.leases((0..<50).map { LeaseID($0) }), 50), (all.leases(from: 9, limit: 10), 10),
            (all.leases(dueAt: time, limit: 10), 10), (all.locks((1...50).map { Ref($0) }), 50),
            (all.locks(from: 9, limit: 10), 10), (all.locks(dueAt: time, limit: 10), 10),
            (all.events(from: 20_000, limit: 100, valueBytes: 4_096), 100),
            (all.eventValues((1...50).map { Ref($0) }), 50), (all.consumer("7"), 1),
            (all.consumers(after: "7", limit: 10), 11), (all.result(of: .random()), 1), (all.releasedEvents, 2),
            (all.deleteEvents(before: 100), 100), (all.oldRequests(before: time), 1),
            (all.deleteRequests(before: time, limit: 50), 50), (all.deleteLeases([1, 2] as [LeaseID]), 2),
            (all.deleteConsumers(["1", "2"]), 2), (all.touch(1), 1), (all.leave(1), 1), (all.lastBatch(of: 1), 1),
            (all.copyRecords(from: 29_000, through: 29_100, except: [29_001, 29_003]), 101),
        ]
    }

    @Test("no statement reads a whole table or sorts one, with old statistics or new", arguments: [false, true])
    func plans(isAnalyzed: Bool) async throws {
        let session = try await FreshStore.session()
        let connection = session.connection
        try Self.fill(connection)
        if isAnalyzed { try connection.run("ANALYZE TABLE cairn_records, cairn_events, cairn_leases, cairn_requests") }
        for (sql, _) in Self.statements(session.statements) {
            var explain: SQL = "EXPLAIN "
            explain.append(sql)
            try connection.run(explain) { _, row in
                let (table, kind, extra) = (row.text(2), row.text(3), row.text(9))
                let plan = "\(sql.text)\n\(table) \(kind) \(row.text(5)) \(extra)"
                #expect(!["ALL", "index"].contains(kind), "\(plan)")
                #expect(!extra.contains("filesort") && !extra.contains("temporary"), "\(plan)")
            }
        }
        session.close()
    }

    @Test("a statement looks at no more rows than it returns, but for those that have ended")
    func rows() async throws {
        let session = try await FreshStore.session()
        let connection = session.connection
        try Self.fill(connection)
        _ = try session.join(ReplicaID(), address: "")
        for (sql, rows) in Self.statements(session.statements) {
            let before = try Self.rowsRead(connection)
            try connection.run(sql)
            let read = try Self.rowsRead(connection) - before
            // One more for each of the tables, to see that a range has ended.
            #expect(read <= 2 * rows + 3, "\(read) for \(rows): \(sql.text.prefix(300))")
        }
        session.close()
    }

    /// How many rows the session has asked the storage engine for.
    private static func rowsRead(_ connection: Connection) throws -> Int {
        var sum = 0
        try connection.run(
            """
            SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_first', 'Handler_read_key', 'Handler_read_last',
                'Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd')
            """
        ) { _, row in sum += Int(row.integer(1)) }
        return sum
    }
}
