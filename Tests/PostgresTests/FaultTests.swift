import CairnKeyspace
import CairnModel
import CairnPostgres
import CairnSQL
import CairnTestServers
import CairnTestWaits
import Testing

/// What a session says when the server, its operator or the network comes in between.
@Suite("PostgreSQL: faults", .enabled(if: hasPostgres, postgresReason))
struct FaultTests {
    /// Begins a batch that sets a key, without committing it.
    private static func begin(_ engine: SessionEngine, _ value: Value) throws -> StoredBatch {
        let start = try engine.session.beginBatch()
        let view = engine.session.batchView(from: start)
        var batch = try Batch(view: view, now: start.time, limits: .standard)
        _ = try batch.decide([Transaction(then: [.set("a", value)], clientID: "")])
        return engine.stored(try #require(batch.changes))
    }

    @Test("a batch that follows has been begun when the one before is stored; called off or failed, it is undone")
    func ahead() async throws {
        let test = try await TestHome()
        let (engine, other) = (try await test.engine(), try await test.engine())
        try await blocking { () throws in
            defer { for engine in [engine, other] { engine.close() } }
            let first = try Self.begin(engine, "1")
            try engine.session.commit(first, isFollowed: true)
            // Its lock is taken, or about to be: whoever comes now waits for the end of the next one.
            let second = try Self.begin(engine, "2")
            #expect(second.changes.events.map(\.ref) == [2])
            // This is stored already, so it fails, and with it what was to follow.
            #expect(failure { try engine.session.commit(first, isFollowed: true) } != nil)
            engine.session.rollBack()
            try other.run(.set("a", "2"))
            try engine.session.commit(try Self.begin(engine, "3"), isFollowed: true)
            engine.session.callOff()
            try other.run(.set("a", "4"))
            try engine.run(.set("a", "5"))
            #expect(try engine.record("a")?.version == 5)
            #expect(!engine.session.isBroken && !other.session.isBroken)
        }
    }

    private static func end(backendsOf test: TestHome, but text: String = "") async throws {
        // The schema is not in the connection's own words, but in those of the statement it ran last.
        try await test.server.sql(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND query LIKE '%"\(test.schema)"%'
            """)
    }

    @Test("a batch whose connection is ended before its commit leaves its outcome open, and is found undone")
    func endedBeforeCommit() async throws {
        let test = try await TestHome()
        let (engine, other) = (try await test.engine(), try await test.engine())
        let batch = try await blocking { () throws in
            try engine.run(.set("a", "1"))
            return try Self.begin(engine, "2")
        }
        try await Self.end(backendsOf: test)
        try await blocking { () throws in
            let error = failure { try engine.session.commit(batch) }
            #expect(error?.code == .unavailable && error?.retry == .unknownOutcome)
            #expect(engine.session.isBroken)
            #expect(failure { _ = try engine.session.beginBatch() }?.code == .unavailable)
            other.close()
            let session = try engine.home.open(.writing)
            defer { session.close() }
            #expect(try session.lastBatch(of: engine.replica) == batch.number - 1)
            #expect(try session.records(["a"])["a"]?.value == "1")
        }
        engine.close()
    }

    @Test("a read whose connection is ended may be made again")
    func endedRead() async throws {
        let test = try await TestHome()
        let engine = try await test.engine()
        try await blocking { () throws in _ = try engine.record("a") }
        try await Self.end(backendsOf: test)
        try await blocking { () throws in
            let error = failure { _ = try engine.record("a") }
            #expect(error?.code == .unavailable && error?.retry == .safe)
            #expect(engine.session.isBroken)
        }
        engine.close()
    }

    @Test("a server that is killed is away, and what it had committed is there when it is back")
    func killed() async throws {
        try await PostgresServer.with { server in
            let test = try await TestHome(on: server)
            let engine = try await test.engine()
            let batch = try await blocking { () throws in
                for number in 0..<20 { try engine.run(.set("a", Value("\(number)"))) }
                return try Self.begin(engine, "never")
            }
            try await server.kill()
            try await blocking { () throws in
                #expect(failure { try engine.session.commit(batch) }?.retry == .unknownOutcome)
                #expect(failure { _ = try engine.home.open(.writing) }?.code == .unavailable)
            }
            engine.close()
            try await server.start()
            let session = try await blocking { try engine.home.open(.writing) }
            try await blocking { () throws in
                defer { session.close() }
                #expect(try session.lastBatch(of: engine.replica) == 20)
                #expect(try session.records(["a"])["a"]?.value == "19")
            }
        }
    }

    @Test("a server that stops in good order says so")
    func stopped() async throws {
        try await PostgresServer.with { server in
            let engine = try await TestHome(on: server).engine()
            try await server.stop()
            try await blocking { () throws in
                let error = failure { try engine.run(.set("a", "1")) }
                #expect(error?.code == .unavailable && error?.retry == .safe)
                engine.close()
            }
        }
    }

    @Test(
        "an operator's limits undo a batch that waits, which may be run again",
        arguments: ["lock_timeout", "statement_timeout"])
    func limits(_ setting: String) async throws {
        let test = try await TestHome()
        let user = "\(setting)_\(test.schema)"
        try await test.server.sql("CREATE ROLE \(user) LOGIN SUPERUSER; ALTER ROLE \(user) SET \(setting) = '400ms'")
        let holder = try await test.engine()
        let home = try PostgresHome(
            test.server.url(database: "postgres", user: user, password: nil) + "?schema=\(test.schema)")
        let waiter = try await blocking { try SessionEngine(home) }
        try await blocking { () throws in
            let batch = try Self.begin(holder, "1")
            let error = failure { try waiter.run(.set("a", "2")) }
            #expect(error?.code == .storageBusy && error?.retry == .safe)
            #expect(!waiter.session.isBroken)
            try holder.session.commit(batch)
            try waiter.run(.set("a", "2"))
            #expect(try waiter.record("a")?.version == 2)
            for engine in [holder, waiter] { engine.close() }
        }
    }

    @Test("a batch that is idle for too long is ended by the server, so that others can go on")
    func idle() async throws {
        let test = try await TestHome()
        let user = "idle_\(test.schema)"
        try await test.server.sql(
            "CREATE ROLE \(user) LOGIN SUPERUSER; ALTER ROLE \(user) SET idle_in_transaction_session_timeout = '200ms'")
        let home = try PostgresHome(
            test.server.url(database: "postgres", user: user, password: nil) + "?schema=\(test.schema)")
        let sleeper = try await blocking { try SessionEngine(home) }
        let other = try await test.engine()
        try await blocking { () throws in
            let batch = try Self.begin(sleeper, "1")
            // Waits for the lock, and gets it when the server has ended the other.
            try other.run(.set("a", "2"))
            #expect(failure { try sleeper.session.commit(batch) }?.retry == .unknownOutcome)
            #expect(try other.session.records(["a"])["a"]?.value == "2")
            for engine in [sleeper, other] { engine.close() }
        }
    }

    @Test("a commit whose standby is not there is done on the primary alone, and not acknowledged when it is cancelled")
    func lostReplication() async throws {
        try await PostgresServer.with { server in
            let test = try await TestHome(on: server)
            let engine = try await test.engine()
            try await server.set("synchronous_standby_names", to: "nobody")
            // The setting has come to the session when another new one sees it.
            try await eventually("the setting has come to new sessions") {
                try await server.sql("SHOW synchronous_standby_names") == "nobody"
            }
            async let outcome = blocking { failure { try engine.run(.set("a", "1")) } }
            let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            try await eventually("the commit waits for its standby") {
                try await server.sql("SELECT count(*) \(waiting)") != "0"
            }
            try await server.sql("SELECT pg_cancel_backend(pid) \(waiting)")
            let error = try await outcome
            #expect(error?.code == .unavailable && error?.retry == .unknownOutcome)
            #expect(engine.session.isBroken)
            try await server.set("synchronous_standby_names", to: nil)
            try await blocking { () throws in
                let session = try engine.home.open(.writing)
                defer { session.close() }
                #expect(try session.lastBatch(of: engine.replica) == 1)
                engine.close()
            }
        }
    }

    @Test("a standby takes no batches, answers reads that may be stale, and is a primary when it is promoted")
    func standby() async throws {
        try await PostgresServer.with { primary in
            let test = try await TestHome(on: primary)
            let engine = try await test.engine()
            try await blocking { () throws in try engine.run(.set("a", "1")) }
            let standby = try await primary.standby()
            try await primary.waitUntilFollowed(by: standby)
            let alone = try PostgresHome(standby.url(database: "postgres") + "?schema=\(test.schema)")
            let both = try PostgresHome(
                "postgres://postgres@127.0.0.1:\(primary.port),127.0.0.1:\(standby.port)/postgres?schema=\(test.schema)"
            )
            try await blocking { () throws in
                let error = failure { _ = try alone.open(.writing) }
                #expect(error?.code == .unavailable && error?.message.contains("standby") == true)
                #expect(failure { _ = try alone.openChannel(alone.options.logger) }?.code == .unavailable)
                let stale = try both.open(.stale)
                #expect(try stale.records(["a"])["a"]?.value == "1")
                #expect(try stale.withSnapshot { (view) throws(StoreError) in try view.head().lastRef } == 1)
                #expect(failure { _ = try stale.beginBatch() }?.code == .unavailable)
                stale.close()
                #expect(try both.prepare(engine.session).contains { $0.contains("asynchronous") })
                engine.close()
            }
            try await primary.kill()
            try await standby.promote()
            try await blocking { () throws in
                let promoted = try SessionEngine(both)
                defer { promoted.close() }
                try promoted.run(.set("a", "2"))
                #expect(try promoted.record("a")?.version == 2)
            }
            try await standby.remove()
        }
    }
}
