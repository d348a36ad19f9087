import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestServers
import CairnTestWaits
import Foundation
import Testing

@testable import CairnMySQL

@Suite("MySQL: making the tables", .needsMariaDB)
struct MigrationTests {
    @Test("many processes at once make them once")
    func atOnce() async throws {
        let url = try await FreshStore.database().url
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    try await onThread {
                        let home = try MySQLHome(url)
                        let session = try home.open(.writing)
                        _ = try home.prepare(session)
                        session.close()
                    }
                }
            }
            try await group.waitForAll()
        }
        let home = try MySQLHome(url)
        let session = try home.open(.writing)
        #expect(try session.connection.integer("SELECT COUNT(*) FROM cairn_schema WHERE version = 1") == 1)
        #expect(try session.beginBatch().head == .empty)
        session.close()
    }

    @Test("tables of a newer program are left alone")
    func newer() async throws {
        let database = try await FreshStore.database()
        let home = try MySQLHome(database.url)
        let session = try home.open(.writing)
        _ = try home.prepare(session)
        try await database.sql("UPDATE cairn_schema SET version = 2")
        let error = #expect(throws: StoreError.self) { try home.prepare(session) }
        #expect(error?.code == .formatTooNew)
        session.close()
    }

    @Test(
        "tables of another program are left alone",
        arguments: [
            "CREATE TABLE cairn_records (id INT)", "CREATE TABLE cairn_schema (name TEXT)",
            "CREATE TABLE cairn_schema (id INT, version TEXT); INSERT INTO cairn_schema VALUES (2, 'x')",
            "CREATE VIEW cairn_events AS SELECT 1",
        ])
    func foreign(_ statements: String) async throws {
        let database = try await FreshStore.database()
        try await database.sql(statements)
        let before = try await database.sql("SHOW TABLES")
        let home = try MySQLHome(database.url)
        let session = try home.open(.writing)
        let error = #expect(throws: StoreError.self) { try home.prepare(session) }
        #expect(error?.code == .foreignFile)
        #expect(error?.message.contains("prefix") == true)
        #expect(try await database.sql("SHOW TABLES") == before)
        session.close()
    }

    @Test("who was interrupted is followed by one who goes on")
    func interrupted() async throws {
        let database = try await FreshStore.database()
        let home = try MySQLHome(database.url)
        let session = try home.open(.writing)
        for table in Schema.tables(home.names).prefix(4) { try session.connection.run(table) }
        _ = try home.prepare(session)
        #expect(try session.beginBatch().head == .empty)
        session.close()
    }

    @Test("homes with different prefixes share a database")
    func prefixes() async throws {
        let url = try await FreshStore.database().url
        for prefix in ["", "a_", "A_"] {
            let home = try MySQLHome("\(url)?prefix=\(prefix)")
            let session = try home.open(.writing)
            _ = try home.prepare(session)
            try session.create([(key: Key(prefix + "key"), value: "1")])
            #expect(try session.records([Key(prefix + "key")]).count == 1)
            session.close()
        }
    }

    @Test("who is making the tables is waited for")
    func locked() async throws {
        let server = try await SharedServer.mariaDB()
        let database = try await FreshStore.database()
        let home = try MySQLHome(database.url)
        let (holder, session) = (try home.open(.writing), try home.open(.writing))
        let name: SQL = "CONCAT('cairn.', SHA1(CONCAT(DATABASE(), '/', \(Array("cairn_schema".utf8)))))"
        #expect(try holder.connection.integer("SELECT GET_LOCK(\(name), 0)") == 1)
        let prepared = Task { try await onThread { try home.prepare(session) } }
        let waiting =
            "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = DATABASE()"
        try await eventually("the second session waits for the lock") {
            try await server.sql(waiting, database: database.name) != "0"
        }
        #expect(try await database.sql("SHOW TABLES").isEmpty)
        try holder.connection.run("DO RELEASE_LOCK(\(name))")
        _ = try await prepared.value
        // Tables that are current need no lock.
        #expect(try holder.connection.integer("SELECT GET_LOCK(\(name), 0)") == 1)
        _ = try home.prepare(session)
        for session in [holder, session] { session.close() }
    }

    @Test("the views for people show text, and bytes that are no text don't break them")
    func views() async throws {
        let database = try await FreshStore.database()
        let home = try MySQLHome(database.url)
        let session = try home.open(.writing)
        _ = try home.prepare(session)
        try session.create([("jobs/1", "running"), (Key(bytes: [0xFF, 0xFE]), Value(bytes: [0xC0, 0x80]))])
        session.close()
        let rows = try await database.sql(
            "SELECT `key`, value, version, is_live FROM cairn_records_text ORDER BY 1 DESC")
        #expect(rows.split(separator: "\n").first == "jobs/1\trunning\t1\t1")
        let events = try await database.sql("SELECT kind, `key`, client_id, time FROM cairn_events_text WHERE ref = 1")
        #expect(events.contains(/^created\tjobs\/1\ttest\t20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/))
        #expect(try await database.sql("SELECT * FROM cairn_leases_text").isEmpty)
    }
}
