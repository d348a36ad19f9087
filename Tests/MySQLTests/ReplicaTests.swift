import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestServers
import Testing

@testable import CairnMySQL

@Suite("MySQL: replicas", .needsMariaDB)
struct ReplicaTests {
    @Test("numbers ascend, also after all have left")
    func numbers() async throws {
        let session = try await FreshStore.session()
        let first = try session.join(ReplicaID(), address: "h:1")
        let second = try session.join(ReplicaID(), address: "h:2")
        #expect(second > first)
        try session.leave(first)
        try session.leave(second)
        #expect(try session.join(ReplicaID(), address: "h:3") > second)
        session.close()
    }

    @Test("a beat tells the head, the time, the next deadline and who lives")
    func beat() async throws {
        let session = try await FreshStore.session()
        let number = try session.join(ReplicaID(), address: "h:1")
        let silent = try session.join(ReplicaID(), address: "h:2")
        let other = try session.join(ReplicaID(), address: "h:3")
        try session.connection.run(
            "UPDATE cairn_replicas SET seen_at = seen_at - 11000000 WHERE number = \(silent)")
        let state = try session.beat(number)
        #expect(state.head == .empty)
        #expect(state.nextDeadline == nil)
        #expect(state.time > Timestamp(microseconds: 1_700_000_000_000_000))
        #expect(state.replicas == [Replica(number: number, address: "h:1"), Replica(number: other, address: "h:3")])
        // Who beats again is back.
        _ = try session.beat(silent)
        #expect(try session.beat(number).replicas.count == 3)
        session.close()
    }

    @Test("who was silent for a day is forgotten, and registers again at the next beat")
    func forgotten() async throws {
        let session = try await FreshStore.session()
        let number = try session.join(ReplicaID(), address: "h:1")
        try session.connection.run("UPDATE cairn_replicas SET seen_at = seen_at - 86500 * 1000000")
        _ = try session.join(ReplicaID(), address: "h:2")
        #expect(try session.lastBatch(of: number) == nil)
        _ = try session.beat(number)
        #expect(try session.beat(number).replicas.first == Replica(number: number, address: "h:1"))
        // What it had stored before isn't known any more.
        #expect(try session.lastBatch(of: number) == nil)
        session.close()
    }

    @Test("the last batch is known")
    func lastBatch() async throws {
        let session = try await FreshStore.session()
        let number = try session.join(ReplicaID(), address: "h:1")
        #expect(try session.lastBatch(of: number) == 0)
        #expect(try session.lastBatch(of: number + 1) == nil)
        let start = try session.beginBatch()
        let changes = Changes.creating([("a", "1")], after: start.head, at: start.time)
        try session.commit(
            StoredBatch(changes: changes, records: changes.records, replica: number, number: 41, announcement: ""))
        #expect(try session.lastBatch(of: number) == 41)
        session.close()
    }

    @Test("the last batch is only told when the head's lock is free")
    func lastBatchWaits() async throws {
        let home = try await FreshStore.home()
        let holder = try home.open(.writing)
        _ = try home.prepare(holder)
        let number = try holder.join(ReplicaID(), address: "")
        _ = try holder.beginBatch()
        let session = try home.open(.writing)
        try session.connection.run("SET SESSION innodb_lock_wait_timeout = 1")
        let error = #expect(throws: StoreError.self) { try session.lastBatch(of: number) }
        #expect(error?.code == .storageBusy)
        #expect(error?.retry == .safe)
        holder.close()
        #expect(try session.lastBatch(of: number) == 0)
        session.close()
    }

    @Test("what compaction has released and old requests are deleted a piece at a time")
    func trimming() async throws {
        let session = try await FreshStore.session()
        let values = (0..<25).map { (key: Key("k\($0)"), value: Value("v")) }
        try session.store { start in
            var changes = Changes.creating(values, after: start.head, at: Timestamp(microseconds: 1_000))
            for _ in 0..<5 { changes.results[.random()] = TransactionResult(failedCondition: nil, results: [], ref: 1) }
            changes.head.oldestRef = 13
            return changes
        }
        #expect(try session.trim(requestsBefore: nil, limit: 10))
        #expect(try session.connection.integer("SELECT MIN(ref) FROM cairn_events") == 11)
        #expect(try !session.trim(requestsBefore: Timestamp(microseconds: 1_000), limit: 10))
        #expect(try session.connection.integer("SELECT MIN(ref) FROM cairn_events") == 13)
        #expect(try session.connection.integer("SELECT COUNT(*) FROM cairn_requests") == 5)
        #expect(try session.trim(requestsBefore: Timestamp(microseconds: 1_001), limit: 3))
        #expect(try session.connection.integer("SELECT COUNT(*) FROM cairn_requests") == 2)
        #expect(try !session.trim(requestsBefore: Timestamp(microseconds: 1_001), limit: 3))
        #expect(try !session.trim(requestsBefore: nil, limit: 3))
        session.close()
    }
}
