import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestServers
import CairnTestWaits
import Testing

@testable import CairnMySQL

/// What a session says when others, the server, its operator or the network come in between.
@Suite("MySQL: faults", .needsMariaDB)
struct FaultTests {
    /// Two writing sessions of one store, the first registered as replica 1.
    private func pair() async throws -> (MySQLSession, MySQLSession) {
        let home = try await FreshStore.home()
        let first = try home.open(.writing)
        _ = try home.prepare(first)
        _ = try first.join(ReplicaID(), address: "")
        return (first, try home.open(.writing))
    }

    private func begun(_ session: MySQLSession) throws -> StoredBatch {
        let start = try session.beginBatch()
        let changes = Changes.creating([("a", "1")], after: start.head, at: start.time)
        return StoredBatch(changes: changes, records: changes.records, replica: 1, number: 1, announcement: "")
    }

    private func id(_ session: MySQLSession) throws -> Int64 {
        try #require(try session.connection.integer("SELECT CONNECTION_ID()"))
    }

    @Test("who waits too long for the head's lock may try again")
    func lockWait() async throws {
        let (holder, waiter) = try await pair()
        let batch = try begun(holder)
        try waiter.connection.run("SET SESSION innodb_lock_wait_timeout = 1")
        let error = #expect(throws: StoreError.self) { try waiter.beginBatch() }
        #expect(error?.code == .storageBusy && error?.retry == .safe)
        #expect(!waiter.isBroken)
        try holder.commit(batch)
        #expect(try waiter.beginBatch().head.lastRef == 1)
        waiter.rollBack()
        for session in [holder, waiter] { session.close() }
    }

    @Test("a batch that is the victim of a deadlock is undone, and may be run again")
    func deadlock() async throws {
        let (session, other) = try await pair()
        let batch = try begun(session)
        // The other has changed more, so it isn't the one that is undone.
        try other.connection.run("CREATE TABLE t (n INT PRIMARY KEY)")
        try other.connection.run("START TRANSACTION;INSERT INTO t SELECT seq FROM seq_1_to_2000")
        try other.connection.run("SELECT * FROM cairn_records WHERE `key` = 'a' FOR UPDATE")
        let outcome = Task { try await onThread { try session.commit(batch) } }
        let server = try await SharedServer.mariaDB()
        let waiting = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        try await eventually("the batch waits for a lock") {
            try await server.sql("\(waiting) AND trx_query LIKE '%INTO `cairn_records`%'") != "0"
        }
        try other.connection.run("SELECT * FROM cairn_head WHERE id = 1 FOR UPDATE")
        do {
            try await outcome.value
            Issue.record("the batch was stored")
        } catch {
            let error = try #require(error as? StoreError)
            #expect(error.code == .storageBusy && error.retry == .safe, "\(error)")
        }
        #expect(!session.isBroken)
        other.rollBack()
        #expect(try session.lastBatch(of: 1) == 0)
        #expect(try session.beginBatch().head == .empty)
        for session in [session, other] { session.close() }
    }

    @Test("a batch whose wait an operator ends may be run again")
    func killedQuery() async throws {
        let (holder, waiter) = try await pair()
        let batch = try begun(holder)
        let thread = try id(waiter)
        let server = try await SharedServer.mariaDB()
        let outcome = Task { try await onThread { try waiter.beginBatch() } }
        let isWaiting = """
            SELECT COUNT(*) FROM information_schema.innodb_trx
            WHERE trx_mysql_thread_id = \(thread) AND trx_state = 'LOCK WAIT'
            """
        try await eventually("the batch waits for a lock") { try await server.sql(isWaiting) != "0" }
        try await server.sql("KILL QUERY \(thread)")
        let error = await #expect(throws: StoreError.self) { try await outcome.value }
        #expect(error?.code == .storageBusy && error?.retry == .safe)
        #expect(!waiter.isBroken)
        try holder.commit(batch)
        for session in [holder, waiter] { session.close() }
    }

    @Test("a batch whose connection is ended before its commit leaves its outcome open, and is found undone")
    func killedConnection() async throws {
        let (session, other) = try await pair()
        let batch = try begun(session)
        try await SharedServer.mariaDB().sql("KILL \(try id(session))")
        let error = #expect(throws: StoreError.self) { try session.commit(batch) }
        #expect(error?.code == .unavailable && error?.retry == .unknownOutcome)
        #expect(session.isBroken)
        #expect(#expect(throws: StoreError.self) { try session.beginBatch() }?.code == .unavailable)
        #expect(try other.lastBatch(of: 1) == 0)
        for session in [session, other] { session.close() }
    }

    @Test("a batch that stays idle for too long is ended by the server, so that others can go on")
    func idle() async throws {
        let (sleeper, other) = try await pair()
        try sleeper.connection.run("SET SESSION idle_transaction_timeout = 1")
        let batch = try begun(sleeper)
        // Waits for the lock, and gets it when the server has ended the other.
        #expect(try other.beginBatch().head == .empty)
        other.rollBack()
        #expect(#expect(throws: StoreError.self) { try sleeper.commit(batch) }?.retry == .unknownOutcome)
        #expect(sleeper.isBroken)
        #expect(try other.lastBatch(of: 1) == 0)
        for session in [sleeper, other] { session.close() }
    }

    @Test("a limit on the time of statements undoes a batch that waits")
    func statementLimit() async throws {
        let (holder, waiter) = try await pair()
        _ = try begun(holder)
        try waiter.connection.run("SET SESSION max_statement_time = 0.2")
        let error = #expect(throws: StoreError.self) { try waiter.beginBatch() }
        #expect(error?.code == .storageBusy && error?.retry == .safe)
        for session in [holder, waiter] { session.close() }
    }

    @Test("a server that is made read only is not the primary any more, for readers neither")
    func readOnly() async throws {
        try await MariaDBServer.with { server in
            let writer = try await FreshStore.session(on: server)
            let home = try MySQLHome(server.url(database: writer.connection.database))
            let reader = try home.open(.reading)
            let viewer = try home.open(.reading)
            let beater = try home.open(.writing)
            let number = try beater.join(ReplicaID(), address: "")
            try writer.create([("a", "1")])
            try await server.sql("SET GLOBAL read_only = 1")
            func check(_ session: MySQLSession, _ body: () throws -> Void) {
                let error = #expect(throws: StoreError.self, performing: body)
                #expect(error?.code == .unavailable && error?.retry == .safe)
                #expect(session.isBroken)
            }
            check(writer) { _ = try writer.beginBatch() }
            check(reader) { _ = try reader.records(["a"]) }
            check(viewer) { try viewer.withSnapshot { (view) throws(StoreError) in _ = try view.head() } }
            check(beater) { _ = try beater.beat(number) }
            // A home that had a primary waits for the next one; a new one tells what is wrong.
            #expect(#expect(throws: StoreError.self) { try home.open(.writing) }?.code == .unavailable)
            let fresh = try MySQLHome(server.url(database: writer.connection.database))
            #expect(#expect(throws: StoreError.self) { try fresh.open(.reading) }?.code == .readOnlyHome)
            let stale = try fresh.open(.stale)
            #expect(try stale.records(["a"])["a"]?.value == "1")
            try stale.withSnapshot { (view) throws(StoreError) in #expect(try view.head().lastRef == 1) }
            try await server.sql("SET GLOBAL read_only = 0")
            try home.open(.writing).close()
            for session in [writer, reader, viewer, beater, stale] { session.close() }
        }
    }

    @Test("a server that is killed is away, and what it had committed is there when it is back")
    func killedServer() async throws {
        try await MariaDBServer.with { server in
            let session = try await FreshStore.session(on: server)
            let home = try MySQLHome(server.url(database: session.connection.database))
            _ = try session.join(ReplicaID(), address: "")
            for number in 1...20 { try session.create([(key: Key("k\(number)"), value: "v")], number: Int64(number)) }
            let start = try session.beginBatch()
            let changes = Changes.creating([("never", "1")], after: start.head, at: start.time)
            try await server.kill()
            let error = #expect(throws: StoreError.self) {
                try session.commit(
                    StoredBatch(changes: changes, records: changes.records, replica: 1, number: 21, announcement: ""))
            }
            #expect(error?.code == .unavailable && error?.retry == .unknownOutcome)
            #expect(#expect(throws: StoreError.self) { try home.open(.writing) }?.code == .unavailable)
            try await server.start()
            let next = try home.open(.writing)
            #expect(try next.lastBatch(of: 1) == 20)
            #expect(try next.beginBatch().head.lastRef == 20)
            for session in [session, next] { session.close() }
        }
    }

    @Test("no connection left")
    func tooManyConnections() async throws {
        let server = try await SharedServer.mariaDB()
        let database = try await FreshStore.database()
        try await server.sql(
            """
            CREATE USER limited@'127.0.0.1' IDENTIFIED BY 'pw' WITH MAX_USER_CONNECTIONS 2;
            GRANT ALL ON \(database.name).* TO limited@'127.0.0.1'
            """)
        let home = try MySQLHome(server.url(database: database.name, user: "limited", password: "pw"))
        let sessions = [try home.open(.writing), try home.open(.reading)]
        let error = #expect(throws: StoreError.self) { try home.open(.reading) }
        #expect(error?.code == .unavailable && error?.retry == .safe)
        #expect(error?.message.contains("connections") == true)
        for session in sessions { session.close() }
    }
}
