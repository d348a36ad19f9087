import CairnTestServers
import Testing

@Suite(
    "MariaDB for tests",
    .enabled(if: MariaDBServer.unavailableReason == nil, "\(MariaDBServer.unavailableReason ?? "")"))
struct MariaDBServerTests {
    @Test("what was committed is there after a kill and a start, on the same port")
    func killAndStart() async throws {
        try await MariaDBServer.with(settings: ["log_bin": "bin"]) { server in
            let database = try await server.freshDatabase()
            try await database.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)")
            let (port, pid) = (server.port, server.pid)
            try await server.kill()
            #expect(!server.isRunning)
            await #expect(throws: ServerFailure.self) { try await database.sql("SELECT 1") }
            try await server.start()
            #expect(server.port == port)
            #expect(server.pid != pid)
            #expect(try await database.sql("SELECT id FROM t ORDER BY id") == "1\n2")
            #expect(try await server.sql("SELECT @@log_bin, @@innodb_flush_log_at_trx_commit") == "1\t1")
        }
    }

    @Test("it is stopped and started again in good order")
    func restart() async throws {
        try await MariaDBServer.with { server in
            try await server.restart()
            #expect(try await server.sql("SELECT 1") == "1")
            #expect(server.logTail.contains("ready for connections"))
        }
    }

    @Test("a statement that fails is told in the server's words, and those after it aren't run")
    func failingStatement() async throws {
        let database = try await SharedServer.mariaDB().freshDatabase()
        let failure = await #expect(throws: ServerFailure.self) {
            try await database.sql("SELECT nonsense; CREATE TABLE t (id int)")
        }
        #expect(failure?.description.contains("Unknown column 'nonsense'") == true)
        #expect(try await database.sql("SHOW TABLES") == "")
    }

    @Test("tests that share a server have databases of their own")
    func sharedServer() async throws {
        let (one, other) = (try await SharedServer.mariaDB(), try await SharedServer.mariaDB())
        #expect(one.pid == other.pid)
        let (first, second) = (try await one.freshDatabase(), try await other.freshDatabase())
        try await first.sql("CREATE TABLE t (id int)")
        #expect(try await second.sql("SHOW TABLES") == "")
        #expect(first.url == "mysql://root@127.0.0.1:\(one.port)/\(first.name)")
    }

    @Test("one that can't start says why")
    func badSetting() async throws {
        let failure = await #expect(throws: ServerFailure.self) {
            _ = try await MariaDBServer.start(settings: ["no_such_setting": "1"])
        }
        #expect(failure?.description.contains("no_such_setting") == true)
    }
}
