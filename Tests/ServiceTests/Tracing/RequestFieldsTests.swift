import CairnProtocol
import Foundation
import SwiftProtobuf
import Testing

@testable import CairnServer

/// The key and the caller's name, found in encoded requests.
@Suite("Tracing: what a request is about")
struct RequestFieldsTests {
    private let fields = RequestFields()

    private func read(_ bytes: [UInt8], _ method: String) -> [String?] {
        // The pointer lives as long as the call.
        let found = bytes.withUnsafeBytes { fields.read($0.bytes, of: method) }
        return [found.key, found.clientID].map { $0.map { String(decoding: $0, as: UTF8.self) } }
    }

    @Test("keys and names are found wherever they stand, and values are not taken for them")
    func found() throws {
        let get = Cairn_V1_GetRequest.with {
            $0.key = Data("k".utf8)
            $0.stale = true
            $0.clientID = "ann"
        }
        #expect(read(try get.serializedBytes(), "cairn.v1.KeyValue/Get") == ["k", "ann"])
        let set = Cairn_V1_SetRequest.with {
            $0.key = Data("k".utf8)
            $0.value = Data("secret".utf8)
            $0.expiry.afterUs = 300_000
            $0.clientID = "bob"
        }
        #expect(read(try set.serializedBytes(), "cairn.v1.KeyValue/Set") == ["k", "bob"])
        let commit = Cairn_V1_CommitRequest.with { $0.clientID = "eve" }
        #expect(read(try commit.serializedBytes(), "cairn.v1.KeyValue/Commit") == [nil, "eve"])
        #expect(read([], "cairn.v1.KeyValue/Get") == [nil, nil])
        #expect(read(try get.serializedBytes(), "no.such/Method") == [nil, nil])
    }

    @Test("methods are known by their descriptors")
    func known() {
        for method in ["cairn.v1.KeyValue/Get", "cairn.v1.KeyValue/Import", "cairn.v1.Log/Watch"] {
            #expect(fields.knows(method))
        }
        #expect(!fields.knows("cairn.v1.KeyValue/Steal"))
    }

    @Test("what is malformed ends the search, and nothing else")
    func malformed() {
        // A key, then: a length beyond the end, a varint without an end, a wire type that there isn't, a field cut
        // short.
        for rest: [UInt8] in [
            [0x12, 0x7F, 1], [0x10] + [UInt8](repeating: 0xFF, count: 12), [0x0B], [0x0D, 1], [0x80],
        ] {
            #expect(read([0x0A, 1, 0x6B] + rest, "cairn.v1.KeyValue/Get") == ["k", nil])
        }
        #expect(
            read([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], "cairn.v1.KeyValue/Get") == [
                nil, nil,
            ])
        let long = [0x0A, 0x80, 0x10] + [UInt8](repeating: 0x6B, count: 2_048)
        #expect(read(long, "cairn.v1.KeyValue/Get")[0]?.count == 1_024)
    }
}
