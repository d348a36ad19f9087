import CairnKeyspace
import CairnModel
import CairnSQLite
import Foundation
import Testing

@Suite("SQLite: storing")
struct StorageTests {
    @Test("every field of records and events comes back as it was")
    func roundTrip() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("store.db")
        let keys = [
            Key(bytes: [0]), Key(bytes: [0, 0]), Key(bytes: [0xFF, 0x00, 0xFF]), Key("ключ/🗝"),
            Key(bytes: Array(repeating: 7, count: 1_024)),
        ]
        let values = [
            Value(bytes: []), Value(bytes: [0]), Value(kind: Value.Kind(rawValue: 7), bytes: [0xFF, 0, 0xFE]),
            Value(bytes: (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }),
            Value(kind: Value.Kind(rawValue: -3), bytes: []),
        ]
        var expected: [Record] = []
        var log: [Event] = []
        try withEngine(at: path) { store throws in
            let writes = zip(keys, values).map { CairnModel.Operation.set($0, $1) }
            let result = try store.commit([Transaction(then: writes, clientID: "zwölf 🐘 \0 end")])[0].get()
            for case .written(let record) in result.results { expected.append(record) }
            try store.run(.delete(keys[1]), .set(keys[1], "again"), .delete(keys[1]), .delete(keys[4]), at: -5)
            log = try store.events()
        }
        #expect(log.count == 9)
        #expect(log.first?.clientID == "zwölf 🐘 \0 end")
        #expect(log.prefix(5).map(\.value) == values)
        #expect(log.map(\.ref.rawValue) == Array(1...9))
        #expect(log.prefix(5).map(\.transactionIndex) == [0, 1, 2, 3, 4])
        #expect(log.prefix(5).allSatisfy { $0.transactionCount == 5 })
        #expect(log[5].value == nil)
        #expect(log[6].previousRef == 6)
        try withEngine(at: path) { store throws in
            #expect(try store.events() == log)
            for (index, key) in keys.enumerated() {
                let last = try #require(log.last { $0.key == key })
                #expect(try store.record(key) == Record(after: last))
                if index != 1, index != 4 { #expect(try store.record(key) == expected[index]) }
            }
            #expect(try store.record("never") == nil)
        }
    }

    @Test("events that no rule makes are kept as well")
    func oddEvents() throws {
        try withEngine { store, _ throws in
            let event = Event(
                ref: 1,
                kind: Event.Kind(rawValue: 99),
                key: "k",
                version: .max,
                value: Value(kind: Value.Kind(rawValue: .min), bytes: [1]),
                leaseID: LeaseID(.max),
                createdRef: Ref(.min),
                createdVersion: -1,
                previousRef: 0,
                time: Timestamp(microseconds: .min),
                clientID: "",
                transactionIndex: .max,
                transactionCount: .min
            )
            try store.engine.commit { (view) throws(StoreError) in
                var changes = Changes(head: try view.head())
                changes.events = [event]
                changes.head = Head(
                    lastRef: 1,
                    oldestRef: 1,
                    lastLeaseID: LeaseID(.max),
                    time: Timestamp(microseconds: .max)
                )
                return changes
            }
            #expect(try store.events() == [event])
            #expect(try store.record("k") == Record(after: event))
            #expect(try store.head().time == Timestamp(microseconds: .max))
        }
    }

    @Test("ranges are bytewise, and end where they should")
    func ranges() throws {
        try withEngine { store, _ throws in
            let keys = [
                [0x01], [0x61], [0x61, 0x00], [0x61, 0x62], [0x7F], [0x80], [0xFF], [0xFF, 0xFF], [0x25], [0x5F],
            ].map { Key(bytes: $0) }
            for key in keys.shuffled() { try store.run(.set(key, Value(bytes: [UInt8](repeating: 1, count: 10)))) }
            try store.run(.delete(Key(bytes: [0x7F])))
            let live = keys.filter { $0 != Key(bytes: [0x7F]) }.sorted()
            func list(
                _ range: KeyRange,
                limit: Int = .max,
                bytes: Int = .max,
                keysOnly: Bool = false
            ) throws -> [Record] {
                try store.engine.read { (view) throws(StoreError) in
                    try view.records(in: range, limit: limit, bytes: bytes, keysOnly: keysOnly)
                }
            }
            #expect(try list(.all).map(\.key) == live)
            #expect(
                try list(KeyRange(prefix: "a")).map(\.key)
                    == [[0x61], [0x61, 0x00], [0x61, 0x62]].map { Key(bytes: $0) }
            )
            #expect(try list(KeyRange(prefix: Key(bytes: [0xFF]))).count == 2)
            #expect(try list(KeyRange(single: "a")).map(\.key) == ["a"])
            #expect(try list(KeyRange(from: "b", to: "a")).isEmpty)
            #expect(try list(KeyRange(from: "a", to: "a")).isEmpty)
            #expect(try list(.all, limit: 3).map(\.key) == Array(live.prefix(3)))
            #expect(try list(.all, limit: 0).isEmpty)
            #expect(try list(.all, bytes: 25).count == 2)
            #expect(try list(.all, bytes: 30).count == 3)
            #expect(try list(.all, bytes: 0).count == 1)
            let bare = try list(.all, bytes: 0, keysOnly: true)
            #expect(bare.map(\.key) == live)
            #expect(bare.allSatisfy { $0.value.bytes.isEmpty && $0.version == 1 })
        }
    }

    @Test("pages of events end where they should")
    func eventPages() throws {
        try withEngine { store, _ throws in
            for number in 0..<10 {
                try store.run(.set(Key("k\(number)"), Value(bytes: [UInt8](repeating: 1, count: 10))))
            }
            func page(_ first: Ref, _ limit: Int, _ bytes: Int) throws -> [Int64] {
                try store.engine.read { (view) throws(StoreError) in
                    try view.events(from: first, limit: limit, bytes: bytes)
                }
                .map(\.ref.rawValue)
            }
            #expect(try page(1, .max, .max) == Array(1...10))
            #expect(try page(9, .max, .max) == [9, 10])
            #expect(try page(11, .max, .max) == [])
            #expect(try page(3, 2, .max) == [3, 4])
            #expect(try page(3, .max, 20) == [3, 4])
            #expect(try page(3, .max, 1) == [3])
        }
    }

    @Test("leases are kept, found by number, by deadline and with their keys")
    func leases() throws {
        try withEngine { store, _ throws in
            let chosen = LeaseID.firstChosen
            try store.run(
                .grantLease(id: chosen, duration: .seconds(10)),
                .grantLease(id: LeaseID(chosen.rawValue + 1), duration: nil),
                .grantLease(duration: .microseconds(1)),
                at: 1_000
            )
            try store.run(
                .set("a", "1", lease: chosen),
                .set("b", "1", lease: chosen),
                .set("c", "1", expiry: .at(Timestamp(microseconds: 5))),
                at: 1_000
            )
            try store.run(.delete("b"), at: 1_000)
            try store.look { view throws in
                let leases = try view.leases(from: 0, limit: .max)
                #expect(leases.map(\.id) == [1, 2, chosen, LeaseID(chosen.rawValue + 1)])
                #expect(
                    leases[0]
                        == Lease(
                            id: 1,
                            deadline: Timestamp(microseconds: 1_001),
                            duration: .microseconds(1),
                            isGranted: true
                        )
                )
                #expect(
                    leases[1] == Lease(id: 2, deadline: Timestamp(microseconds: 5), duration: nil, isGranted: false)
                )
                #expect(leases[3] == Lease(id: leases[3].id, deadline: nil, duration: nil, isGranted: true))
                #expect(try view.leases(from: 2, limit: 1).map(\.id) == [2])
                #expect(try view.leases([1, 77]) == [1: leases[0]])
                #expect(try view.leases(dueAt: Timestamp(microseconds: 4), limit: 9).isEmpty)
                #expect(try view.leases(dueAt: Timestamp(microseconds: 1_001), limit: 9).map(\.id) == [2, 1])
                #expect(try view.leases(dueAt: Timestamp(microseconds: 1_001), limit: 1).map(\.id) == [2])
                #expect(try view.nextDeadline() == Timestamp(microseconds: 5))
                #expect(try view.keys(on: chosen) == ["a"])
                #expect(try view.keys(on: 99).isEmpty)
            }
            try store.run(.expireLease(chosen), .keepAlive(1, expiry: .never), .delete("c"), at: 1_000)
            try store.look { view throws in
                #expect(try view.nextDeadline() == nil)
                #expect(try view.leases(from: 0, limit: .max).map(\.id) == [1, LeaseID(chosen.rawValue + 1)])
                #expect(try view.keys(on: chosen).isEmpty)
            }
        }
    }

    @Test("a key that moves between leases is found on the new one")
    func movingKeys() throws {
        try withEngine { store, _ throws in
            let chosen = LeaseID.firstChosen
            try store.run(.set("a", "1"), .grantLease(id: chosen, duration: nil))
            try store.run(.set("a", "2", lease: chosen))
            let (on, off) = try store.engine.read { (view) throws(StoreError) in
                (try view.keys(on: chosen), try view.keys(on: 1))
            }
            #expect(on == ["a"])
            #expect(off.isEmpty)
            try store.run(.set("a", "3"))
            #expect(try store.record("a")?.leaseID == chosen)
            #expect(try store.record("a")?.value == "3")
        }
    }

    @Test("consumers are kept in bytewise order")
    func consumers() throws {
        try withEngine { store, _ throws in
            try store.run(.set("a", "1"))
            for name in ["b", "a", "é", "z", "Z"] { try store.run(.acknowledge(consumer: name, through: 1), at: 7) }
            try store.run(.deleteConsumer("z"))
            try store.look { view throws in
                #expect(try view.consumers(after: "", limit: 9).map(\.name) == ["Z", "a", "b", "é"])
                #expect(try view.consumers(after: "Z", limit: 2).map(\.name) == ["a", "b"])
                #expect(try view.consumer("b")?.cursor == 1)
                #expect(try view.consumer("z") == nil)
            }
        }
    }

    @Test("a request is remembered until it is forgotten")
    func requests() throws {
        try withEngine { store, _ throws in
            let ids = (0..<5).map { _ in RequestID.random() }
            var first: [TransactionResult] = []
            for (index, id) in ids.enumerated() {
                let transaction = Transaction(then: [.set(Key("k\(index)"), "1")], requestID: id)
                first.append(try store.commit([transaction], at: Int64(index) * 1_000)[0].get())
            }
            let again = try store.commit(ids.map { Transaction(then: [.set("other", "1")], requestID: $0) }, at: 5_000)
            #expect(try again.map { try $0.get() } == first)
            #expect(try store.head().lastRef == 5)
            try store.commit([], at: 6_000, forgettingRequestsBefore: 3_000)
            #expect(try store.engine.trim() == false)
            let known = try store.engine.read { (view) throws(StoreError) in
                var known: [Bool] = []
                for id in ids { known.append(try view.result(of: id) != nil) }
                return known
            }
            #expect(known == [false, false, false, true, true])
        }
    }

    @Test("however many requests are to be forgotten, all of them are, a piece at a time")
    func manyRequests() throws {
        try withEngine { store, _ throws in
            let ids = (0..<5_000).map { _ in RequestID.random() }
            for (part, time) in [(ids[..<4_500], Int64(1_000)), (ids[4_500...], 2_000)] {
                try store.commit(part.map { Transaction(then: [], requestID: $0) }, at: time)
            }
            try store.commit([], at: 3_000, forgettingRequestsBefore: 2_000)
            #expect(try store.engine.trim() == true)
            // A compaction that is due at the same time takes nothing from it.
            try store.run(.set("k", "1"), .set("k", "2"))
            try store.run(.compact(before: 2))
            #expect(try store.engine.trim() == true)
            #expect(try store.engine.trim() == false)
            try store.look { view throws in
                let known = try ids.filter { try view.result(of: $0) != nil }
                #expect(known.count == 500)
                #expect(known.first == ids[4_500] && known.last == ids.last)
            }
            #expect(try store.events().map(\.ref) == [2])
        }
    }

    @Test("compaction releases events, and trimming deletes them a piece at a time")
    func trimming() throws {
        try withEngine { store, _ throws in
            for batch in 0..<5 {
                try store.commit((0..<1_000).map { Transaction(then: [.set(Key("\($0)"), Value("\(batch)"))]) })
            }
            #expect(try store.engine.trim() == false)
            try store.run(.compact(before: 4_501))
            #expect(try store.engine.trim() == true)
            #expect(try store.events().first?.ref == 2_001)
            #expect(try store.engine.trim() == true)
            #expect(try store.engine.trim() == false)
            #expect(try store.events().first?.ref == 4_501)
            #expect(try store.engine.trim() == false)
            #expect(try store.records().count == 1_000)
            #expect(try store.head().oldestRef == 4_501)
            try store.run(.compact(before: 5_001))
            #expect(try store.engine.trim() == false)
            #expect(try store.events().isEmpty)
            try store.run(.set("a", "1"))
            #expect(try store.events().map(\.ref) == [5_001])
        }
    }

    @Test("what decide throws leaves nothing behind, and nil stores nothing")
    func rollback() throws {
        try withEngine { store, _ throws in
            try store.run(.set("a", "1"))
            #expect(throws: StoreError(.cancelled, "enough")) {
                try store.engine.commit { (_) throws(StoreError) in throw StoreError(.cancelled, "enough") }
            }
            try store.engine.commit { (_) throws(StoreError) in nil }
            try store.run(.set("a", "2"))
            #expect(try store.head().lastRef == 2)
        }
    }

    @Test("a read sees one moment, while others write and read")
    func oneMoment() throws {
        try withEngine { store, _ throws in
            try store.run(.set("a", "1"))
            try store.look { view throws in
                let before = try view.head()
                try store.run(.set("a", "2"), .set("b", "1"))
                #expect(try store.record("a")?.value == "2")
                #expect(try view.head() == before)
                #expect(try view.records(["a", "b"]).mapValues(\.value) == ["a": "1"])
                // What an old moment showed is not taken for the present.
                guard case .record(let now)? = store.engine.readyRecord("a") else { return }
                #expect(now.value == "2")
                #expect(try view.events(from: 1, limit: 9, bytes: .max).count == 1)
            }
            #expect(try store.record("a")?.value == "2")
            guard case .record(let ready)? = store.engine.readyRecord("a") else {
                return #expect(Bool(false), "not in memory")
            }
            #expect(ready.value == "2")
        }
    }
}
