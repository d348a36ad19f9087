import CairnProtocol
import CairnTestSupport
import Foundation
import SwiftProtobuf

/// Requests that nobody in their right mind would send: every field of every method's request by its descriptor, at
/// the ends of what its type can hold.
struct RandomMessages {
    private let types: [String: Google_Protobuf_DescriptorProto]
    /// Every method, by its full name.
    let methods: [String: Google_Protobuf_MethodDescriptorProto]

    init() throws {
        let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: fileDescriptorSet).file
        var types: [String: Google_Protobuf_DescriptorProto] = [:]
        var methods: [String: Google_Protobuf_MethodDescriptorProto] = [:]
        func add(_ type: Google_Protobuf_DescriptorProto, in scope: String) {
            let name = "\(scope).\(type.name)"
            types[name] = type
            for nested in type.nestedType { add(nested, in: name) }
        }
        for file in files {
            for type in file.messageType { add(type, in: ".\(file.package)") }
            for service in file.service {
                for method in service.method { methods["\(file.package).\(service.name)/\(method.name)"] = method }
            }
        }
        self.types = types
        self.methods = methods
    }

    /// An encoded message of a type, such as `.cairn.v1.SetRequest`.
    func message(_ type: String, _ random: inout SeededGenerator, depth: Int = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        for field in types[type]?.field ?? [] where !random.once(in: 3) {
            let count = field.label == .repeated ? random.below(4) : 1
            for _ in 0..<count { bytes += encoded(field, &random, depth: depth) }
        }
        return bytes
    }

    private func encoded(
        _ field: Google_Protobuf_FieldDescriptorProto, _ random: inout SeededGenerator, depth: Int
    ) -> [UInt8] {
        let number = UInt64(field.number) << 3
        switch field.type {
        case .int64, .uint64:
            let numbers: [Int64] = [
                0, 1, 2, 3, -1, .min, .max, .max - 1, 1 << 47, 1 << 48, 1_000_000, 1 << 62, Int64(random.below(50)),
            ]
            return varint(number) + varint(UInt64(bitPattern: random.pick(numbers)))
        case .int32, .uint32, .enum, .bool:
            let numbers: [Int64] = [0, 1, 2, 3, -1, Int64(Int32.min), Int64(Int32.max), Int64(random.below(50))]
            return varint(number) + varint(UInt64(bitPattern: random.pick(numbers)))
        case .double:
            return varint(number | 1) + (0..<8).map { _ in UInt8(random.below(256)) }
        case .string:
            let texts: [[UInt8]] = [
                [], Array("a".utf8), Array("ann".utf8), Array("bob".utf8), [0], [0xFF, 0xFE], Array("(a|b)*".utf8),
                [UInt8](repeating: 0x6E, count: 300), Array(String(repeating: "é", count: 128).utf8),
            ]
            return lengthDelimited(number, random.pick(texts))
        case .bytes:
            let noise = (0..<16).map { _ in UInt8(random.below(256)) }
            let texts: [[UInt8]] = [
                [], Array("a".utf8), Array("b".utf8), Array("locked".utf8), [0], [0xFF], noise,
                [UInt8](repeating: 0xFF, count: 1_024), [UInt8](repeating: 1, count: 1_025),
            ]
            return lengthDelimited(number, random.pick(texts))
        case .message:
            return lengthDelimited(number, depth < 5 ? message(field.typeName, &random, depth: depth + 1) : [])
        default:
            return []
        }
    }

    private func lengthDelimited(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        varint(number | 2) + varint(UInt64(bytes.count)) + bytes
    }

    private func varint(_ number: UInt64) -> [UInt8] {
        var rest = number
        var bytes: [UInt8] = []
        while rest > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
