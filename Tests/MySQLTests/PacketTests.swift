import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestServers
import Testing

@testable import CairnMySQL

@Suite("MySQL: packets", .needsMariaDB)
struct PacketTests {
    @Test("a batch goes in as many packets as it takes; a value that fits none is told of, and harms nobody")
    func small() async throws {
        try await MariaDBServer.with(settings: ["max_allowed_packet": "1M"]) { server in
            let session = try await FreshStore.session(on: server)
            let values = (0..<12).map { number in
                (key: Key("k\(number)"), value: Value(bytes: [UInt8](repeating: UInt8(number), count: 400_000)))
            }
            try session.create(values)
            #expect(try session.records(values.map(\.key)).count == 12)
            let error = #expect(throws: StoreError.self) {
                try session.create(
                    [(key: "large", value: Value(bytes: [UInt8](repeating: 1, count: 600_000)))], number: 2)
            }
            #expect(error?.code == .valueTooLarge)
            #expect(error?.key == "large")
            #expect(error?.message.contains("max_allowed_packet") == true)
            #expect(!session.isBroken)
            // The number that the message names is enough.
            let named = try #require(error?.message.firstMatch(of: /at least (\d+)/)?.1)
            try await server.sql("SET GLOBAL max_allowed_packet = \(named)")
            session.close()
            let next = try await FreshStore.session(on: server, database: session.connection.database)
            try next.create([(key: "large", value: Value(bytes: [UInt8](repeating: 1, count: 600_000)))], number: 2)
            #expect(try next.records(["large"])["large"]?.value.bytes.count == 600_000)
            next.close()
        }
    }

    @Test(
        "many changes of few keys in one batch leave the last of each, whether records are sent or copied",
        arguments: [7, 16, 17, 40])
    func manyChanges(_ keys: Int) async throws {
        let session = try await FreshStore.session()
        try session.store { start in
            var changes = Changes(head: start.head)
            for number in 1...3_000 {
                let ref = Ref(Int64(number))
                let previous = number > keys ? Ref(Int64(number - keys)) : nil
                changes.events.append(
                    Event(
                        ref: ref, kind: previous == nil ? .created : .updated, key: Key("k\(number % keys)"),
                        version: Int64((number + keys - 1) / keys), value: Value("\(number)"), leaseID: 0,
                        createdRef: Ref(Int64((number - 1) % keys + 1)), createdVersion: 1, previousRef: previous,
                        time: start.time))
            }
            changes.head.lastRef = 3_000
            return changes
        }
        let records = try session.records((0..<keys).map { Key("k\($0)") })
        #expect(Set(records.values.map(\.value)) == Set((3_001 - keys...3_000).map { Value("\($0)") }))
        #expect(Set(records.values.map(\.updatedRef)) == Set((3_001 - keys...3_000).map { Ref(Int64($0)) }))
        session.close()
    }
}
