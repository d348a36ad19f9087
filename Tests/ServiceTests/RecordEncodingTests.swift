import CairnModel
import CairnProtocol
import CairnRPC
import CairnTestSupport
import CairnWire
import Foundation
import SwiftProtobuf
import Testing

/// What is encoded and decoded by hand is what the generated types make of it.
@Suite struct RecordEncodingTests {
    private static let sizes = [0, 1, 16, 127, 128, 16_383, 16_384, 100_000]
    private static let numbers: [Int64] = [0, 1, 127, 128, 16_384, 1 << 35, .max, -1]

    private static var records: [Record] {
        var records: [Record] = []
        for size in sizes {
            for number in numbers {
                records.append(
                    Record(
                        key: Key(bytes: [UInt8](repeating: 7, count: size)),
                        value: Value(bytes: [UInt8](repeating: 9, count: size)), version: number,
                        createdVersion: number, createdRef: Ref(number), updatedRef: Ref(number),
                        deletedRef: number == 0 ? nil : Ref(number), leaseID: LeaseID(number)))
            }
        }
        for value in typed { records.append(Record(value)) }
        return records
    }

    /// Values with content types, and some that should have one and don't.
    private static var typed: [Value] {
        let types = ["a/b", "text/plain; charset=utf-8", "a/" + String(repeating: "b", count: 127), longest]
        let values = types.flatMap { type in
            sizes.map { try? Value([UInt8](repeating: 9, count: $0), contentType: type) }
        }
        return values.compactMap(\.self)
            + [[], [0], [3, 0x61], [3, 0x61, 0x2F, 0xFF, 9]].map { Value(kind: .typed, bytes: $0) }
    }

    /// A content type of 255 bytes.
    private static let longest = "a/b;" + String(repeating: "c", count: 249) + "=d"

    @Test("a value with a content type is its content and the type, both ways")
    func typedValues() throws {
        #expect(RecordEncodingTests.typed.count == 36 && RecordEncodingTests.longest.utf8.count == 255)
        for value in RecordEncodingTests.typed {
            let record = Record(value)
            let message = try Cairn_V1_GetResponse(
                serializedBytes: Array(record.encodedResponse(withValue: true).bytes))
            #expect(Array(message.record.value) == Array(value.content))
            #expect(message.record.contentType == value.contentType ?? "")
            #expect(message.record.valueKind.rawValue == (value.contentType == nil ? 1 : 0))
            #expect(Record(wire: message.record) == record)
            let event = Event(
                ref: 1, kind: .created, key: "k", version: 1, value: value, leaseID: 1, createdRef: 1,
                createdVersion: 1, previousRef: nil, time: Timestamp(microseconds: 1), clientID: "", lockToken: .zero)
            #expect(event.wire.contentType == value.contentType ?? "" && Event(wire: event.wire) == event)
            let condition = Condition("k", .value(.less, value))
            #expect(condition.wire.contentType == value.contentType ?? "")
            #expect(try Condition(wire: condition.wire) == condition)
            let operation = CairnModel.Operation.set("k", value)
            #expect(try CairnModel.Operation(wire: operation.wire) == operation)
        }
    }

    @Test("a request with a content type that is none is refused; an answer's is passed over")
    func foreignTypes() throws {
        for type in [
            "", "a", "a/b\n", "a/é", RecordEncodingTests.longest + "d", String(repeating: "a/b;", count: 1_000),
        ] {
            let set = Cairn_V1_SetOperation.with {
                $0.key = Key("k").wire
                $0.value = Key("v").wire
                $0.contentType = type
            }
            if type.isEmpty {
                #expect(try set.operation() == .set("k", "v"))
            } else {
                let error = #expect(throws: StoreError.self) { try set.operation() }
                #expect(error?.code == .invalidArgument)
            }
            let record = Cairn_V1_Record.with {
                $0.value = Key("v").wire
                $0.contentType = type
            }
            #expect(Record(wire: record).value == "v")
        }
        let both = Cairn_V1_SetOperation.with {
            $0.valueKind = .UNRECOGNIZED(1)
            $0.contentType = "a/b"
        }
        #expect(throws: StoreError.self) { try both.operation() }
    }

    @Test(arguments: [true, false])
    func responseOfGetAndSet(withValue: Bool) throws {
        for record in RecordEncodingTests.records {
            let expected = Cairn_V1_GetResponse.with { $0.record = record.wire(withValue: withValue) }
            let encoded = record.encodedResponse(withValue: withValue)
            #expect(try Array(encoded.bytes) == expected.serializedBytes())
            #expect(try Cairn_V1_SetResponse(serializedBytes: Array(encoded.bytes)).record == expected.record)
        }
    }

    @Test func page() throws {
        let entries = RecordEncodingTests.records.map { ListPage.Entry.record($0) }
        let pages = [
            ListPage(entries: [], next: nil, ref: 0),
            ListPage(
                entries: entries + [.directory("jobs/"), .directory(Key(bytes: []))], next: "k",
                ref: 1_099_511_627_776),
        ]
        for page in pages { #expect(try Array(page.encoded.bytes) == page.wire.serializedBytes()) }
    }

    @Test func commonRequests() throws {
        for size in RecordEncodingTests.sizes.dropFirst() {
            let bytes = [UInt8](repeating: 7, count: size)
            let get: [UInt8] = try Cairn_V1_GetRequest.with { $0.key = Key(bytes: bytes).wire }.serializedBytes()
            #expect(Key(encodedGetRequest: get.span.bytes) == Key(bytes: bytes))
            let set: [UInt8] = try Cairn_V1_SetRequest.with {
                $0.key = Key(bytes: bytes).wire
                $0.value = Key(bytes: bytes).wire
            }.serializedBytes()
            let expected = Transaction(then: [.set(Key(bytes: bytes), Value(bytes: bytes))])
            #expect(Transaction(encodedSetRequest: set.span.bytes) == expected)
        }
    }

    /// Whatever isn't the common form is declined, and goes through the generated type.
    @Test func otherRequestsAreDeclined() throws {
        let key = Key("k").wire
        let sets: [Cairn_V1_SetRequest] = [
            .with { $0.key = key }, .with { $0.value = key },
            .with {
                $0.key = key
                $0.value = key
                $0.clientID = "me"
            },
            .with {
                $0.key = key
                $0.value = key
                $0.contentType = "a/b"
            },
        ]
        for set in sets {
            let bytes: [UInt8] = try set.serializedBytes()
            #expect(Transaction(encodedSetRequest: bytes.span.bytes) == nil)
        }
        let stale: [UInt8] = try Cairn_V1_GetRequest.with {
            $0.key = key
            $0.stale = true
        }.serializedBytes()
        #expect(Key(encodedGetRequest: stale.span.bytes) == nil)
        #expect(Key(encodedGetRequest: [UInt8]().span.bytes) == nil)
    }

    /// Cut and random bytes are read without a step beyond their end.
    @Test func malformedRequestsAreDeclined() throws {
        var generator = SeededGenerator(seed: 1)
        let whole: [UInt8] = try Cairn_V1_SetRequest.with {
            $0.key = Key("key").wire
            $0.value = Key("value").wire
        }.serializedBytes()
        for count in 0..<whole.count {
            #expect(Transaction(encodedSetRequest: Array(whole.prefix(count)).span.bytes) == nil)
        }
        for _ in 0..<10_000 {
            let bytes = (0..<Int.random(in: 0...12, using: &generator)).map { index in
                index == 0 && Bool.random(using: &generator) ? 0x0A : UInt8.random(in: 0...255, using: &generator)
            }
            let expected = try? Cairn_V1_GetRequest(serializedBytes: bytes)
            if let key = Key(encodedGetRequest: bytes.span.bytes) { #expect(expected?.key == key.wire) }
            let set = try? Cairn_V1_SetRequest(serializedBytes: bytes)
            if let transaction = Transaction(encodedSetRequest: bytes.span.bytes) {
                let expected = try #require(set)
                let operation = CairnModel.Operation.set(Key(wire: expected.key), Value(bytes: Array(expected.value)))
                #expect(transaction.operations == [operation])
            }
        }
    }
}

extension Record {
    /// A record of no other meaning.
    fileprivate init(_ value: Value) {
        self.init(
            key: "k", value: value, version: 1, createdVersion: 1, createdRef: 1, updatedRef: 1, deletedRef: nil,
            leaseID: 1)
    }
}
