import CairnKeyspace
import CairnModel
import CairnPostgres
import CairnSQL
import Foundation
import Testing

@Suite("PostgreSQL: a session", .enabled(if: hasPostgres, postgresReason))
struct SessionTests {
    @Test("keys, values and names of all bytes come back as they were")
    func everyByte() async throws {
        let engine = try await TestHome().engine()
        try await blocking { () throws in
            defer { engine.close() }
            let bytes = (0...255).map { UInt8($0) }
            let (key, value) = (Key(bytes: bytes), Value(bytes: bytes.reversed()))
            try engine.run(
                Transaction(
                    then: [
                        .set(key, value), .set("empty", ""), .set("kind", Value(kind: .init(rawValue: 7), bytes: [0])),
                        .acknowledge(consumer: "a\0é\u{FFFF}", through: 0),
                    ], clientID: "client\0 é"))
            #expect(try engine.record(key)?.value == value)
            #expect(try engine.record("empty")?.value == "")
            #expect(try engine.record("kind")?.value == Value(kind: .init(rawValue: 7), bytes: [0]))
            try engine.look { view throws in
                let events = try view.events(from: 1, limit: 10, bytes: .max)
                #expect(events.map(\.key) == [key, "empty", "kind"])
                #expect(events.map(\.value?.bytes.count) == [256, 0, 1])
                #expect(events.allSatisfy { $0.clientID == "client\0 é" })
                #expect(try view.consumers(after: "", limit: 9).map(\.name) == ["a\0é\u{FFFF}"])
                #expect(try view.consumer("a\0é\u{FFFF}")?.cursor == 0)
            }
        }
    }

    @Test("a value of four mebibytes, and a batch of several, go through without a pause")
    func largeValues() async throws {
        let engine = try await TestHome().engine()
        try await blocking { () throws in
            defer { engine.close() }
            let values = (0..<4).map { Value(bytes: [UInt8](repeating: $0, count: 4 << 20)) }
            let operations = values.enumerated().map { CairnModel.Operation.set(Key("large/\($0.offset)"), $0.element) }
            try engine.run(Transaction(then: operations, clientID: "test"))
            #expect(try engine.record("large/3")?.value == values[3])
            try engine.look { view throws in
                let all = try view.records(in: .all, limit: 100, bytes: .max, keysOnly: false)
                #expect(all.map(\.value) == values)
                #expect(try view.events(from: 1, limit: .max, bytes: 9 << 20).count == 2)
            }
        }
    }

    @Test("pages end at their bytes, and hold at least one value")
    func pages() async throws {
        let engine = try await TestHome().engine()
        try await blocking { () throws in
            defer { engine.close() }
            let count = 5_000
            let value = Value(bytes: [UInt8](repeating: 120, count: 10))
            for start in stride(from: 0, to: count, by: 1_000) {
                let operations = (start..<start + 1_000).map { CairnModel.Operation.set(name($0), value) }
                try engine.run(Transaction(then: operations, clientID: "test"))
            }
            try engine.look { view throws in
                func list(
                    _ range: KeyRange = .all, _ limit: Int = .max, _ bytes: Int = .max, _ keysOnly: Bool = false
                )
                    throws -> [Key]
                {
                    try view.records(in: range, limit: limit, bytes: bytes, keysOnly: keysOnly).map(\.key)
                }
                let all = (0..<count).map(name)
                #expect(try list() == all)
                #expect(try list(.all, .max, .max, true) == all)
                #expect(try list(.all, 4_999) == all.dropLast())
                #expect(try list(.all, .max, 0) == [all[0]])
                #expect(try list(.all, .max, 9) == [all[0]])
                #expect(try list(.all, .max, 29) == Array(all.prefix(2)))
                #expect(try list(.all, .max, 30_000) == Array(all.prefix(3_000)))
                #expect(try list(.all, .max, 30_009) == Array(all.prefix(3_000)))
                #expect(try list(KeyRange(from: name(7), to: name(4_321))) == Array(all[7..<4_321]))
                #expect(try list(KeyRange(from: name(7), to: name(4_321)), 3_333, .max, true) == Array(all[7..<3_340]))
                #expect(try view.events(from: 3, limit: .max, bytes: .max).map(\.ref.rawValue) == Array(3...5_000))
                #expect(try view.events(from: 3, limit: .max, bytes: 25_000).count == 2_500)
                #expect(try view.events(from: 3, limit: .max, bytes: 0).count == 1)
                #expect(try view.events(from: 5_001, limit: .max, bytes: 0).isEmpty)
            }
        }
    }

    private func name(_ number: Int) -> Key { Key("key/" + String(10_000 + number)) }

    @Test("a view shows one moment, and a batch the latest")
    func snapshots() async throws {
        let home = try await TestHome()
        let (writer, reader) = (try await home.engine(), try await home.engine())
        try await blocking { () throws in
            defer { for engine in [writer, reader] { engine.close() } }
            try writer.run(.set("a", "1"))
            try reader.look { view throws in
                #expect(try view.head().lastRef == 1)
                try writer.run(.set("a", "2"))
                #expect(try view.records(["a"])["a"]?.value == "1")
                #expect(try view.head().lastRef == 1)
            }
            #expect(try reader.record("a")?.value == "2")
            // A view that looks at nothing costs nothing, and leaves nothing open.
            try reader.look { _ in }
            try reader.run(.set("b", "3"))
            #expect(try reader.head().lastRef == 3)
        }
    }

    @Test("what a view throws ends it, and the session goes on")
    func failedView() async throws {
        let engine = try await TestHome().engine()
        try await blocking { () throws in
            defer { engine.close() }
            for asksFirst in [false, true] {
                let error = failure {
                    try engine.read { (view) throws(StoreError) in
                        if asksFirst { _ = try view.head() }
                        throw StoreError(.internal, "thrown")
                    }
                }
                #expect(error?.code == .internal)
            }
            try engine.run(.set("a", "1"))
            #expect(try engine.record("a")?.value == "1")
        }
    }

    @Test("a batch that decides nothing leaves nothing, and lets the next one begin")
    func emptyBatch() async throws {
        let home = try await TestHome()
        let (a, b) = (try await home.engine(), try await home.engine())
        try await blocking { () throws in
            defer { for engine in [a, b] { engine.close() } }
            try a.commit { _ throws(StoreError) in nil }
            try b.run(.set("a", "1"))
            #expect(failure { try a.commit { _ throws(StoreError) in throw StoreError(.internal, "thrown") } } != nil)
            try b.run(.set("a", "2"))
            #expect(try a.head().lastRef == 2)
        }
    }

    @Test("batches of several sessions follow each other, without gaps and with nobody's change lost")
    func concurrentBatches() async throws {
        let home = try await TestHome()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                let engine = try await home.engine()
                group.addTask {
                    try await blocking { () throws in
                        defer { engine.close() }
                        for round in 0..<50 {
                            try engine.run(.set("shared", Value("\(writer)/\(round)")), .set(Key("own/\(writer)"), "x"))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let engine = try await home.engine()
        try await blocking { () throws in
            defer { engine.close() }
            #expect(try engine.record("shared")?.version == 200)
            try engine.look { view throws in
                let refs = try view.events(from: 1, limit: .max, bytes: .max).map(\.ref.rawValue)
                #expect(refs == Array(1...400))
            }
        }
    }

    @Test("the database's clock is told where it is wanted")
    func clock() async throws {
        let test = try await TestHome()
        try await blocking { () throws in
            let engine = try SessionEngine(PostgresHome(test.url))
            defer { engine.close() }
            let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
            try engine.look { view throws in
                let time = try #require(try view.time())
                #expect(abs((time - now).components.seconds) < 60)
            }
            let start = try engine.session.beginBatch()
            #expect(try engine.session.batchView(from: start).time() == start.time)
            #expect(abs((start.time - now).components.seconds) < 60)
            engine.session.rollBack()
        }
    }

    @Test("events that were released and requests that are old are deleted a piece at a time")
    func trimming() async throws {
        let engine = try await TestHome().engine()
        try await blocking { () throws in
            defer { engine.close() }
            for number in 0..<10 {
                let id = RequestID(bytes: [UInt8](repeating: UInt8(number), count: 16))
                let set = CairnModel.Operation.set("a", Value("\(number)"))
                try engine.run(Transaction(then: [set], clientID: "", requestID: id), at: Int64(1_000_000 * number))
            }
            #expect(try !engine.session.trim(requestsBefore: nil, limit: 3))
            try engine.commit { (view) throws(StoreError) in
                var changes = Changes(head: try view.head())
                changes.head.oldestRef = 8
                return changes
            }
            let time = Timestamp(microseconds: 5_000_000)
            // Seven events and five requests.
            #expect(try engine.session.trim(requestsBefore: time, limit: 3))
            #expect(try engine.session.trim(requestsBefore: time, limit: 3))
            #expect(try !engine.session.trim(requestsBefore: time, limit: 3))
            try engine.look { view throws in
                #expect(try view.events(from: 1, limit: 20, bytes: .max).map(\.ref) == [8, 9, 10])
                for number in 0..<10 {
                    let id = RequestID(bytes: [UInt8](repeating: UInt8(number), count: 16))!
                    #expect((try view.result(of: id) != nil) == (number >= 5))
                }
            }
        }
    }
}
