import CairnKeyspace
import CairnModel
import CairnPostgres
import CairnSQL
import CairnTestWaits
import Testing

@Suite("PostgreSQL: replicas", .enabled(if: hasPostgres, postgresReason))
struct ReplicaTests {
    @Test("numbers ascend, also past a replica that has left")
    func numbers() async throws {
        let test = try await TestHome()
        let engine = try await test.engine()
        try await blocking { () throws in
            defer { engine.close() }
            let session = engine.session
            let first = try session.join(ReplicaID(), address: "127.0.0.1:1")
            let second = try session.join(ReplicaID(), address: "127.0.0.1:2")
            #expect(second > first)
            try session.leave(second)
            let third = try session.join(ReplicaID(), address: "127.0.0.1:3")
            #expect(third > second)
            #expect(
                try session.beat(third).replicas == [
                    Replica(number: engine.replica, address: ""), Replica(number: first, address: "127.0.0.1:1"),
                    Replica(number: third, address: "127.0.0.1:3"),
                ])
        }
    }

    @Test("a beat tells how things stand")
    func beat() async throws {
        let engine = try await TestHome().engine()
        try await blocking { () throws in
            defer { engine.close() }
            #expect(try engine.session.beat(engine.replica).nextDeadline == nil)
            try engine.run(.grantLease(duration: .seconds(30)), at: 5_000_000)
            let state = try engine.session.beat(engine.replica)
            #expect(try state.head == engine.head())
            #expect(state.nextDeadline == Timestamp(microseconds: 35_000_000))
            #expect(state.time > Timestamp(microseconds: 1_700_000_000_000_000))
        }
    }

    @Test("a replica whose row was deleted is there again after its beat and after its batch")
    func recreated() async throws {
        let test = try await TestHome()
        let engine = try await test.engine()
        try await blocking { () throws in
            try engine.run(.set("a", "1"))
            #expect(try engine.session.lastBatch(of: engine.replica) == 1)
        }
        try await test.sql("DELETE FROM $.replicas")
        try await blocking { () throws in
            #expect(try engine.session.lastBatch(of: engine.replica) == nil)
            // The row is there when others look, at the latest at the next beat.
            _ = try engine.session.beat(engine.replica)
            #expect(try engine.session.beat(engine.replica).replicas.map(\.number) == [engine.replica])
        }
        try await test.sql("DELETE FROM $.replicas")
        try await blocking { () throws in
            defer { engine.close() }
            try engine.run(.set("a", "2"))
            #expect(try engine.session.lastBatch(of: engine.replica) == 2)
        }
    }

    @Test("a replica whose number was given to another stores nothing more")
    func replaced() async throws {
        let test = try await TestHome()
        let engine = try await test.engine()
        try await test.sql("UPDATE $.replicas SET id = 'somebody else'")
        try await blocking { () throws in
            defer { engine.close() }
            #expect(failure { _ = try engine.session.beat(engine.replica) }?.code == .corrupted)
            #expect(failure { try engine.run(.set("a", "1")) }?.code == .corrupted)
            #expect(try engine.head() == .empty)
            #expect(try engine.session.lastBatch(of: engine.replica) == nil)
        }
    }

    @Test("replicas that were not seen for long are left out, and forgotten after a day")
    func silence() async throws {
        let test = try await TestHome()
        let (old, engine) = (try await test.engine(), try await test.engine())
        try await test.sql("UPDATE $.replicas SET seen_at = seen_at - 11000000 WHERE number = \(old.replica)")
        try await blocking { () throws in
            #expect(try engine.session.beat(engine.replica).replicas.map(\.number) == [engine.replica])
            #expect(try old.session.lastBatch(of: old.replica) == 0)
        }
        try await test.sql("UPDATE $.replicas SET seen_at = seen_at - 86400000001 WHERE number = \(old.replica)")
        try await blocking { () throws in
            defer { for engine in [old, engine] { engine.close() } }
            _ = try engine.session.join(ReplicaID(), address: "")
            #expect(try old.session.lastBatch(of: old.replica) == nil)
        }
    }

    @Test("who asks for the last batch waits for the one that is under way")
    func lastBatchWaits() async throws {
        let test = try await TestHome()
        let (engine, other) = (try await test.engine(), try await test.engine())
        defer { for engine in [engine, other] { engine.close() } }
        let start = try await blocking { try engine.session.beginBatch() }
        async let answer = blocking { try other.session.lastBatch(of: other.replica) }
        // The server shows who waits for a lock.
        try await eventually("a session waits for a lock") {
            try await test.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0"
        }
        try await blocking { () throws in
            var changes = Changes(head: start.head)
            changes.head.time = start.time
            try engine.session.commit(engine.stored(changes))
        }
        #expect(try await answer == 0)
        #expect(try await blocking { try other.session.lastBatch(of: engine.replica) } == nil)
    }
}
