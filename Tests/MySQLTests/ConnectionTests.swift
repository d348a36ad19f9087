import CairnModel
import CairnTestServers
import Testing

@testable import CairnMySQL

@Suite("MySQL: a connection", .needsMariaDB)
struct ConnectionTests {
    private func connection() async throws -> Connection { try await FreshStore.session().connection }

    @Test("several statements go together, and each row tells whose it is")
    func severalStatements() async throws {
        let connection = try await connection()
        var rows: [String] = []
        let counts = try connection.run(
            "SELECT 1 UNION SELECT 2;DO 0;SELECT NULL, X'', X'00FF27', -9223372036854775808"
        ) {
            index, row in
            if index == 0 {
                rows.append("\(index): \(row.integer(0))")
            } else {
                rows.append("\(index): \(row.isNull(0)) \(row.bytes(1)) \(row.bytes(2)) \(row.integer(3))")
            }
        }
        #expect(rows == ["0: 1", "0: 2", "2: true [] [0, 255, 39] \(Int64.min)"])
        #expect(counts == [2, 0, 1])
        connection.close()
    }

    @Test("what follows a statement that fails isn't run, and the connection goes on")
    func failureInTheMiddle() async throws {
        let connection = try await connection()
        try connection.run("CREATE TABLE t (n INT PRIMARY KEY)")
        var counts: [Int] = []
        let failure = connection.attempt(
            "INSERT INTO t VALUES (1);INSERT INTO t VALUES (1);INSERT INTO t VALUES (2)", &counts)
        #expect(failure?.number == 1_062)
        #expect(failure?.statement == 1)
        #expect(counts == [1])
        #expect(try connection.integer("SELECT COUNT(*) FROM t") == 1)
        #expect(!connection.isBroken)
        connection.close()
    }

    @Test("an error of who reads a row comes out, and leaves the connection clean")
    func failureOfReader() async throws {
        let connection = try await connection()
        #expect(throws: StoreError.self) {
            try connection.run("SELECT 1 UNION SELECT 2;SELECT 3") { (_, _) throws(StoreError) in
                throw StoreError(.corrupted, "unreadable")
            }
        }
        #expect(try connection.integer("SELECT 4") == 4)
        connection.close()
    }

    @Test("statements that nobody waits for have run before the next ones")
    func sentAhead() async throws {
        let connection = try await connection()
        connection.sendAhead("SET @a = 5")
        #expect(try connection.integer("SELECT @a") == 5)
        connection.sendAhead("SET @a = 6;SET @b = 7")
        connection.sendAhead("SET @c = 8")
        #expect(try connection.integer("SELECT @a + @b + @c") == 21)
        connection.close()
    }

    @Test("a connection that the server ends is broken, and says so from then on")
    func killed() async throws {
        let connection = try await connection()
        let id = try #require(try connection.integer("SELECT CONNECTION_ID()"))
        try await SharedServer.mariaDB().sql("KILL \(id)")
        let first = #expect(throws: StoreError.self) { try connection.run("SELECT 1") }
        #expect(first?.code == .unavailable)
        #expect(first?.retry == .safe)
        #expect(connection.isBroken)
        let second = #expect(throws: StoreError.self) { try connection.run("SELECT 1") }
        #expect(second?.code == .unavailable)
        connection.close()
        connection.close()
    }

    @Test("the session is strict, in UTC, repeatable, and not for ever in a transaction")
    func settings() async throws {
        let connection = try await connection()
        var found: [String] = []
        try connection.run(
            "SELECT @@sql_mode, @@time_zone, @@tx_isolation, @@autocommit, @@idle_transaction_timeout"
        ) { _, row in found = (0..<5).map { row.text($0) } }
        #expect(found == ["STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION", "+00:00", "REPEATABLE-READ", "1", "10"])
        connection.close()
    }
}
