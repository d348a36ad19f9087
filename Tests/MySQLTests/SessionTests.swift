import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestServers
import Testing

@testable import CairnMySQL

@Suite("MySQL: a session", .needsMariaDB)
struct SessionTests {
    @Test("a batch starts from the head, the server's time and the earliest deadline, and stores all or nothing")
    func batch() async throws {
        let session = try await FreshStore.session()
        let start = try session.beginBatch()
        #expect(start.head == .empty)
        #expect(start.nextDeadline == nil)
        // Any clock that is set at all.
        #expect(start.time > Timestamp(microseconds: 1_700_000_000_000_000))
        let later = Timestamp(microseconds: 1 << 60)
        var changes = Changes.creating([("a", "1"), ("b", "2")], after: start.head, at: start.time)
        let lease = Lease(id: 7, deadline: later, duration: .seconds(1), isGranted: true)
        changes.leases = [7: lease]
        changes.leases.updateValue(nil, forKey: 8)
        changes.consumers = ["c": Consumer(name: "c", cursor: 1, updatedAt: start.time)]
        session.rollBack()
        #expect(try session.beginBatch().head == .empty)
        try session.commit(
            StoredBatch(changes: changes, records: changes.records, replica: 1, number: 1, announcement: ""))
        let next = try session.beginBatch()
        #expect(next.head == changes.head)
        #expect(next.nextDeadline == later)
        let view = session.batchView(from: next)
        #expect(try view.events(from: 1, limit: .max, bytes: .max) == changes.events)
        #expect(try view.records(["a", "b", "c"]).values.sorted { $0.key < $1.key } == changes.records)
        #expect(try view.leases([7, 8]) == [7: lease])
        #expect(try view.consumer("c") == changes.consumers["c"])
        session.rollBack()
        session.close()
    }

    @Test("a batch that follows has been begun when the one before is stored; called off, it is undone")
    func ahead() async throws {
        let session = try await FreshStore.session()
        var changes = Changes.creating([("a", "1")], after: .empty, at: Timestamp(microseconds: 1))
        func batch(_ number: Int64) -> StoredBatch {
            StoredBatch(changes: changes, records: changes.records, replica: 1, number: number, announcement: "")
        }
        _ = try session.beginBatch()
        try session.commit(batch(1), isFollowed: true)
        #expect(session.connection.isAhead)
        let next = try session.beginBatch()
        #expect(!session.connection.isAhead)
        #expect(next.head == changes.head)
        // What it stores is there already, so it fails, and what was to follow is not begun.
        #expect(throws: StoreError.self) { try session.commit(batch(2), isFollowed: true) }
        #expect(!session.connection.isAhead)
        session.rollBack()
        let again = try session.beginBatch()
        changes = Changes.creating([("b", "2")], after: again.head, at: again.time)
        try session.commit(batch(2), isFollowed: true)
        session.callOff()
        #expect(try session.head() == changes.head)
        #expect(try session.beginBatch().head == changes.head)
        session.rollBack()
        session.close()
    }

    @Test("values up to the limit, and many of them in one batch", arguments: [1, 3])
    func largeValues(_ count: Int) async throws {
        let session = try await FreshStore.session()
        let values = (0..<count).map { number in
            (Key("large/\(number)"), Value(bytes: [UInt8](repeating: UInt8(number), count: 4 << 20)))
        }
        try session.create(values.map { (key: $0.0, value: $0.1) })
        let found = try session.records(values.map(\.0))
        for (key, value) in values { #expect(found[key]?.value == value) }
        session.close()
    }

    @Test("keys and values are kept and ordered byte by byte")
    func everyByte() async throws {
        let session = try await FreshStore.session()
        let all = (UInt8.min ... .max).map { $0 }
        var keys = all.map { Key(bytes: [$0]) } + all.map { Key(bytes: [0x61, $0]) }
        keys += [
            "A", "a ", "é", "e\u{301}", Key(bytes: [0xFF, 0xFF]), Key(bytes: [UInt8](repeating: 0xFF, count: 1_024)),
        ]
        let unique = Set(keys)
        try session.create(unique.map { (key: $0, value: Value(bytes: $0.bytes + all)) })
        let records = try session.withSnapshot { (view) throws(StoreError) in
            try view.records(in: .all, limit: .max, bytes: .max, keysOnly: false)
        }
        #expect(records.map(\.key) == unique.sorted())
        #expect(records.allSatisfy { $0.value.bytes == $0.key.bytes + all })
        let found = try session.records(Array(unique))
        #expect(Set(found.keys) == unique)
        session.close()
    }

    @Test("a page ends where its bytes do, in whatever order small and large values come")
    func pages() async throws {
        let session = try await FreshStore.session()
        let sizes = (0..<400).map { $0 % 7 == 3 ? 5_000 + $0 : $0 % 50 }
        let values = sizes.enumerated().map { number, size in
            (key: Key("k\(1_000 + number)"), value: Value(bytes: [UInt8](repeating: 1, count: size)))
        }
        try session.create(values)
        for bytes in [0, 1, 49, 4_999, 10_000, 100_000, 200_000, .max] {
            for limit in [1, 2, 127, 128, 129, 400, .max] {
                var expected = 0
                var total = 0
                for size in sizes.prefix(limit) {
                    if total + size > bytes, expected > 0 { break }
                    (total, expected) = (total + size, expected + 1)
                }
                try session.withSnapshot { (view) throws(StoreError) in
                    let records = try view.records(in: .all, limit: limit, bytes: bytes, keysOnly: false)
                    #expect(records.map(\.value) == values.prefix(expected).map(\.value), "\(bytes) bytes, \(limit)")
                    let events = try view.events(from: 1, limit: limit, bytes: bytes)
                    #expect(events.map(\.value) == values.prefix(expected).map(\.value), "\(bytes) bytes, \(limit)")
                }
            }
        }
        session.close()
    }

    @Test("a view shows one moment, and a new one the latest")
    func snapshots() async throws {
        let home = try await FreshStore.home()
        let writer = try home.open(.writing)
        _ = try home.prepare(writer)
        let reader = try home.open(.reading)
        try writer.create([("a", "1")])
        try reader.withSnapshot { (view) throws(StoreError) in
            #expect(try view.head().lastRef == 1)
            do { try writer.create([("b", "2")], number: 2) } catch { Issue.record(error) }
            #expect(try view.head().lastRef == 1)
            #expect(try view.records(["b"]).isEmpty)
        }
        #expect(try reader.records(["b"]).count == 1)
        try reader.withSnapshot { (view) throws(StoreError) in #expect(try view.head().lastRef == 2) }
        writer.close()
        reader.close()
    }

    @Test("a remembered result of any size comes back")
    func largeResult() async throws {
        let session = try await FreshStore.session()
        let record = Record(
            key: "k", value: Value(bytes: [UInt8](repeating: 7, count: 3 << 20)), version: 1, createdVersion: 1,
            createdRef: 1, updatedRef: 1, deletedRef: nil, leaseID: 0)
        let result = TransactionResult(
            failedCondition: nil, results: [.deleted([record, record, record, record]), .read(nil)], ref: 1)
        let id = RequestID.random()
        try session.store { start in
            var changes = Changes.creating([("k", "v")], after: start.head, at: start.time)
            changes.results = [id: result, .random(): TransactionResult(failedCondition: nil, results: [], ref: 1)]
            return changes
        }
        try session.withSnapshot { (view) throws(StoreError) in
            #expect(try view.result(of: id) == result)
            #expect(try view.result(of: .random()) == nil)
        }
        session.close()
    }
}
