import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestServers
import CairnTestSupport
import Testing

@testable import CairnMySQL

@Suite("MySQL: rights, and what keeps a home from opening", .needsMariaDB)
struct RightsTests {
    /// A user of the shared server with these rights on a database.
    private func url(for user: String, _ rights: String, on database: TestDatabase) async throws -> String {
        let server = try await SharedServer.mariaDB()
        try await server.addUser(user, password: "se cret")
        if !rights.isEmpty { try await server.sql("GRANT \(rights) ON \(database.name).* TO \(user)@'127.0.0.1'") }
        return server.url(database: database.name, user: user, password: "se cret")
    }

    private func failure(_ url: String) -> StoreError? {
        #expect(throws: StoreError.self) {
            let home = try MySQLHome(url)
            let session = try home.open(.writing)
            defer { session.close() }
            _ = try home.prepare(session)
        }
    }

    @Test("once the tables are there, a user who may only read and write rows can do everything")
    func leastPrivilege() async throws {
        let database = try await FreshStore.database()
        let owner = try await url(
            for: "owner", "SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE VIEW, SHOW VIEW, DROP", on: database)
        let first = try ServerEngine(MySQLHome(owner), options: ServerOptions())
        first.close()
        let url = try await url(for: "plain", "SELECT, INSERT, UPDATE, DELETE", on: database)
        let store = try await Keyspace.open(
            ServerEngine(MySQLHome(url), options: ServerOptions()), clock: ManualClock())
        _ = try await store.set("a", "1")
        _ = try await store.delete("a")
        _ = try await store.compact(before: 2)
        #expect(try await store.get("a") == nil)
        await store.close()
    }

    @Test("each right that is missing is named")
    func missingRights() async throws {
        let database = try await FreshStore.database()
        let noRights = try await failure(url(for: "nobody", "", on: database))
        #expect(noRights?.code == .permissionDenied)
        let noCreate = try await failure(url(for: "only_rows", "SELECT, INSERT, UPDATE, DELETE", on: database))
        #expect(noCreate?.code == .permissionDenied)
        #expect(noCreate?.message.contains("GRANT CREATE ON") == true, "\(String(describing: noCreate))")
        let noViews = try await failure(url(for: "noviews", "SELECT, INSERT, UPDATE, DELETE, CREATE", on: database))
        #expect(noViews?.code == .permissionDenied)
        #expect(noViews?.message.contains("CREATE VIEW") == true, "\(String(describing: noViews))")
    }

    @Test("a wrong password, a user who isn't there, a missing database, and a server that isn't there")
    func wrongPlace() async throws {
        let server = try await SharedServer.mariaDB()
        let database = try await FreshStore.database()
        _ = try await url(for: "known", "ALL", on: database)
        let wrongPassword = failure(server.url(database: database.name, user: "known", password: "hunter2"))
        #expect(wrongPassword?.code == .authenticationFailed)
        #expect(wrongPassword?.message.contains("hunter2") == false)
        #expect(
            failure(server.url(database: database.name, user: "ghost", password: "x"))?.code == .authenticationFailed)
        #expect(failure(server.url(database: "no_such_database"))?.code == .databaseNotFound)
        let nobodyListens = failure("mysql://root@127.0.0.1:1/app")
        #expect(nobodyListens?.code == .unavailable)
        #expect(nobodyListens?.retry == .safe)
        #expect(failure("mysql://root@no-such-host.invalid/app")?.code == .unavailable)
        #expect(failure("mysql://root@localhost/app?socket=/no/such/socket")?.code == .unavailable)
        let noTLS = failure("\(server.url(database: database.name))?tls=required")
        #expect(noTLS?.code == .unsuitableHome)
    }

    @Test("of several hosts the first that fits is used")
    func severalHosts() async throws {
        let database = try await FreshStore.database()
        let port = try await SharedServer.mariaDB().port
        let home = try MySQLHome("mysql://root@127.0.0.1:1,127.0.0.1:\(port)/\(database.name)")
        let session = try home.open(.writing)
        _ = try home.prepare(session)
        session.close()
    }

    @Test("a table that is gone is said to be")
    func missingTable() async throws {
        let session = try await FreshStore.session()
        try session.connection.run("DROP TABLE cairn_head")
        let error = #expect(throws: StoreError.self) { try session.beginBatch() }
        #expect(error?.code == .corrupted)
        #expect(!session.isBroken)
        try session.connection.run(
            "CREATE TABLE cairn_head (id INT, last_ref INT, oldest_ref INT, last_lease_id INT, time INT)")
        #expect(throws: StoreError.self) { try session.beginBatch() }
        session.close()
    }
}
