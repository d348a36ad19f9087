import CairnModel
import CairnPostgres
import CairnSQL
import CairnTestServers
import Testing

/// Everything that can be wrong with a URL, a server or a user's rights, each told in its own words.
@Suite("PostgreSQL: what keeps a home from opening", .enabled(if: hasPostgres, postgresReason))
struct ConfigurationTests {
    private func opening(_ url: String) async throws -> StoreError? {
        let home = try PostgresHome(url)
        let error = try await blocking {
            failure {
                let session = try home.open(.writing)
                defer { session.close() }
                _ = try home.prepare(session)
            }
        }
        #expect(error?.message.contains("secret") != true)
        return error
    }

    @Test("a wrong password, and none where one is needed")
    func password() async throws {
        let server = try await SharedServer.postgres()
        try await server.addUser("careful", password: "secret1")
        #expect(
            try await opening(server.url(database: "postgres", user: "careful", password: "secret2"))?.code
                == .authenticationFailed)
        #expect(
            try await opening(server.url(database: "postgres", user: "careful", password: nil))?.code
                == .authenticationFailed)
        #expect(
            try await opening(server.url(database: "postgres", user: "nobody", password: nil))?.code
                == .authenticationFailed)
        // It may log in, but not make the tables.
        let error = try await opening(server.url(database: "postgres", user: "careful", password: "secret1"))
        #expect(error?.code == .permissionDenied)
    }

    @Test("a database that isn't there")
    func database() async throws {
        let server = try await SharedServer.postgres()
        let error = try await opening(server.url(database: "nowhere"))
        #expect(error?.code == .databaseNotFound && error?.message.contains("nowhere") == true)
    }

    @Test("a server that isn't there, and a host that has no address")
    func host() async throws {
        let refused = try await opening("postgres://postgres:secret@127.0.0.1:1/postgres")
        #expect(refused?.code == .unavailable && refused?.retry == .safe)
        #expect(refused?.message.contains("nothing listens there") == true)
        let unknown = try await opening("postgres://postgres:secret@host.invalid/postgres")
        #expect(unknown?.code == .unavailable)
    }

    @Test("a host that is away costs no more than its time, and the next one is taken")
    func severalHosts() async throws {
        let test = try await TestHome()
        let url = test.url.replacing("@127.0.0.1:", with: "@127.0.0.1:1,127.0.0.1:")
        #expect(try await opening(url) == nil)
    }

    @Test("a server that speaks no TLS where the URL asks for it")
    func encryption() async throws {
        let test = try await TestHome(parameters: "&sslmode=require")
        #expect(try await opening(test.url)?.code == .unsuitableHome)
    }

    @Test("no connection left")
    func tooMany() async throws {
        let test = try await TestHome()
        try await test.server.sql("CREATE ROLE narrow LOGIN SUPERUSER CONNECTION LIMIT 0")
        try await test.server.sql("ALTER ROLE narrow NOSUPERUSER")
        let error = try await opening(test.server.url(database: "postgres", user: "narrow", password: nil))
        #expect(error?.code == .unavailable && error?.message.contains("max_connections") == true)
    }

    @Test("a user who may only read")
    func readOnlyUser() async throws {
        let test = try await TestHome()
        try await test.server.sql("CREATE ROLE looker LOGIN")
        try await test.server.sql("ALTER ROLE looker SET default_transaction_read_only = on")
        let error = try await opening(test.server.url(database: "postgres", user: "looker", password: nil))
        #expect(error?.code == .unavailable && error?.message.contains("default_transaction_read_only") == true)
    }

    @Test("tables that somebody else has made are left alone")
    func foreignTables() async throws {
        let test = try await TestHome()
        try await test.sql("CREATE SCHEMA \(test.schema); CREATE TABLE $.events (name text)")
        let error = try await opening(test.url)
        #expect(error?.code == .foreignFile && error?.message.contains("events") == true)
        #expect(try await test.sql("SELECT count(*) FROM pg_tables WHERE schemaname = '\(test.schema)'") == "1")
    }

    @Test("a schema with other things in it is as good as an empty one")
    func otherTables() async throws {
        let test = try await TestHome()
        try await test.sql("CREATE SCHEMA \(test.schema); CREATE TABLE $.orders (name text)")
        #expect(try await opening(test.url) == nil)
    }

    @Test("tables of a newer version, and a version that is missing")
    func newerTables() async throws {
        let test = try await TestHome()
        try await test.engine().close()
        try await test.sql("UPDATE $.schema_version SET version = 1000")
        #expect(try await opening(test.url)?.code == .formatTooNew)
        try await test.sql("DELETE FROM $.schema_version")
        #expect(try await opening(test.url)?.code == .corrupted)
    }

    @Test("tables that have been dropped or emptied are noticed")
    func damagedTables() async throws {
        let test = try await TestHome()
        let engine = try await test.engine()
        try await test.sql("DELETE FROM $.head")
        #expect(try await blocking { failure { try engine.run(.set("a", "1")) } }?.code == .corrupted)
        try await test.sql("DROP TABLE $.records CASCADE")
        #expect(try await blocking { failure { _ = try engine.record("a") } }?.code == .databaseNotFound)
        engine.close()
        #expect(try await opening(test.url) != nil)
    }

    @Test("processes that start together make the tables once, and all can use them")
    func together() async throws {
        let test = try await TestHome()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    let engine = try await test.engine()
                    try await blocking {
                        defer { engine.close() }
                        try engine.run(.set(Key("\(number)"), "here"))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await test.sql("SELECT count(*) FROM $.records") == "6")
        #expect(try await test.sql("SELECT version FROM $.schema_version") == "1")
    }

    @Test("settings that weaken durability are told")
    func durability() async throws {
        try await PostgresServer.with(settings: ["fsync": "off", "synchronous_commit": "off"]) { server in
            let test = try await TestHome(on: server)
            let home = try test.home()
            let warnings = try await blocking {
                let session = try home.open(.writing)
                defer { session.close() }
                return try home.prepare(session)
            }
            #expect(warnings.count == 2)
        }
    }
}
