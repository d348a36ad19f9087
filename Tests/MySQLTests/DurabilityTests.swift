import CairnMemory
import CairnModel
import CairnSQL
import CairnTestServers
import CairnTestSupport
import Testing

@testable import CairnMySQL

@Suite("MySQL: how the server is set")
struct DurabilityTests {
    private static let sound = [
        "version": "10.11.6-MariaDB", "innodb_flush_log_at_trx_commit": "1", "innodb_doublewrite": "ON",
        "innodb_flush_method": "O_DIRECT", "log_bin": "ON", "sync_binlog": "1", "binlog_format": "ROW",
        "slaves_connected": "0", "read_only": "OFF",
    ]

    @Test("a server that is set well is not complained of")
    func sound() { #expect(Durability.warnings(ServerFacts(Self.sound)).isEmpty) }

    @Test(
        "what weakens durability is told",
        arguments: [
            ("innodb_flush_log_at_trx_commit", "2"), ("innodb_flush_log_at_trx_commit", "0"), ("sync_binlog", "0"),
            ("sync_binlog", "1000"), ("innodb_doublewrite", "OFF"), ("innodb_flush_method", "nosync"),
            ("binlog_format", "STATEMENT"), ("slaves_connected", "2"),
        ])
    func weak(_ name: String, _ value: String) {
        let warnings = Durability.warnings(ServerFacts(Self.sound.merging([name: value]) { $1 }))
        #expect(warnings.count == 1)
    }

    @Test("replicas that are waited for, and a binary log that is off, are no reason to complain")
    func harmless() {
        for more in [
            ["slaves_connected": "1", "rpl_semi_sync_master_status": "ON"], ["sync_binlog": "0", "log_bin": "OFF"],
            ["innodb_flush_log_at_trx_commit": "3"],
        ] { #expect(Durability.warnings(ServerFacts(Self.sound.merging(more) { $1 })).isEmpty) }
    }

    @Test("products, versions and roles are told apart")
    func facts() {
        let mysql = ServerFacts(["version": "8.0.36-0ubuntu1", "super_read_only": "ON", "wsrep_on": "OFF"])
        #expect(mysql.product == "MySQL" && mysql.version == (8, 0) && mysql.isReadOnly && !mysql.isGalera)
        let node = [
            "version": "11.4.2-MariaDB-log", "wsrep_on": "ON", "wsrep_ready": "ON", "wsrep_cluster_status": "Primary",
            "wsrep_local_state": "4",
        ]
        #expect(ServerFacts(node).isGalera && ServerFacts(node).isGaleraReady)
        for bad in [["wsrep_ready": "OFF"], ["wsrep_cluster_status": "non-Primary"], ["wsrep_local_state": "2"]] {
            #expect(!ServerFacts(node.merging(bad) { $1 }).isGaleraReady)
        }
    }

    @Test("a server with a binary log of statements works, and is told of", .needsMariaDB)
    func statementLog() async throws {
        let settings = [
            "log_bin": "bin", "sync_binlog": "0", "binlog_format": "STATEMENT", "innodb_flush_log_at_trx_commit": "2",
            "innodb_doublewrite": "OFF",
        ]
        try await MariaDBServer.with(settings: settings) { server in
            let home = try MySQLHome(try await server.freshDatabase().url, options: FreshStore.drivenTime)
            let session = try home.open(.writing)
            #expect(try home.prepare(session).count == 4)
            session.close()
            let engine = try ServerEngine(home, options: FreshStore.drivenTime)
            defer { engine.close() }
            if let difference = try compare(engine, MemoryEngine(), seed: RandomRun.seed) { throw difference }
        }
    }

    @Test("pages that are too small for our keys are refused before any table is made", .needsMariaDB)
    func smallPages() async throws {
        let facts = ServerFacts(Self.sound.merging(["innodb_page_size": "4096"]) { $1 })
        let session = try await FreshStore.session()
        session.connection.server = facts
        #expect(#expect(throws: StoreError.self) { try Suitability.check(session.connection) }?.code == .unsuitableHome)
        session.connection.server = ServerFacts(["version": "5.7.44"])
        #expect(#expect(throws: StoreError.self) { try Suitability.check(session.connection) }?.code == .unsuitableHome)
        session.close()
    }
}
