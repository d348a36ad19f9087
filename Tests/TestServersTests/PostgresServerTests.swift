import CairnTestServers
import Testing

@Suite(
    "PostgreSQL for tests",
    .enabled(if: PostgresServer.unavailableReason == nil, "\(PostgresServer.unavailableReason ?? "")"))
struct PostgresServerTests {
    @Test("what was committed is there after a kill and a start, on the same port")
    func killAndStart() async throws {
        try await PostgresServer.with { server in
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
        }
    }

    @Test("it is stopped and started again in good order")
    func restart() async throws {
        try await PostgresServer.with { server in
            try await server.restart()
            #expect(try await server.sql("SELECT 1") == "1")
            #expect(server.logTail.contains("database system was shut down"))
        }
    }

    @Test("it is durable, takes many connections, and has the settings it is given")
    func settings() async throws {
        try await PostgresServer.with(settings: ["work_mem": "5MB", "cluster_name": "it's"]) { server in
            #expect(try await server.sql("SHOW fsync; SHOW synchronous_commit; SHOW max_connections") == "on\non\n300")
            #expect(try await server.sql("SHOW work_mem; SHOW cluster_name") == "5MB\nit's")
            try await server.set("work_mem", to: "6MB")
            #expect(try await server.sql("SHOW work_mem") == "6MB")
        }
    }

    @Test("a statement that fails is told in the server's words, and those after it aren't run")
    func failingStatement() async throws {
        let database = try await SharedServer.postgres().freshDatabase()
        let failure = await #expect(throws: ServerFailure.self) {
            try await database.sql("SELECT 1/0; CREATE TABLE t (id int)")
        }
        #expect(failure?.description.contains("division by zero") == true)
        #expect(try await database.sql("SELECT to_regclass('t') IS NULL") == "t")
    }

    @Test("tests that share a server have databases of their own")
    func sharedServer() async throws {
        let (one, other) = (try await SharedServer.postgres(), try await SharedServer.postgres())
        #expect(one.pid == other.pid)
        let (first, second) = (try await one.freshDatabase(), try await other.freshDatabase())
        try await first.sql("CREATE TABLE t (id int)")
        #expect(try await second.sql("SELECT to_regclass('t') IS NULL") == "t")
        #expect(first.url == "postgres://postgres@127.0.0.1:\(one.port)/\(first.name)")
    }

    @Test("a user with a password needs it")
    func password() async throws {
        try await PostgresServer.with { server in
            try await server.addUser("guest", password: "a b")
            #expect(
                server.url(database: "d", user: "guest", password: "a b")
                    == "postgres://guest:a%20b@127.0.0.1:\(server.port)/d")
            #expect(
                try await server.sql("SELECT rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = 'guest'") == "t")
        }
    }

    @Test("one that can't start says why")
    func badSetting() async throws {
        let failure = await #expect(throws: ServerFailure.self) {
            _ = try await PostgresServer.start(settings: ["shared_buffers": "nonsense"])
        }
        #expect(failure?.description.contains("invalid value for parameter \"shared_buffers\"") == true)
    }

    @Test("a paused one keeps its connections and doesn't answer until it is resumed")
    func pause() async throws {
        try await PostgresServer.with { server in
            try await server.pause()
            await #expect(throws: ServerFailure.self) {
                try await server.sql("SELECT 1", database: nil, within: .milliseconds(300))
            }
            try await server.resume()
            #expect(try await server.sql("SELECT 1") == "1")
        }
    }
}
