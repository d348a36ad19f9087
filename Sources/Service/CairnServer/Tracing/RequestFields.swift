internal import CairnProtocol
internal import SwiftProtobuf

/// Which fields of each method's request hold a key and the caller's name, as its `.proto` says: `bytes key` and
/// `string client_id`.
package struct RequestFields: Sendable {
    /// Their numbers; 0 where there is none.
    struct Numbers: Sendable {
        var key = 0
        var clientID = 0
    }

    private let byMethod: [String: Numbers]

    /// Those of every method that the program has descriptors of.
    package init() {
        // Generated beside the messages; a test decodes it, so that it can't be broken.
        let set = (try? Google_Protobuf_FileDescriptorSet(serializedBytes: fileDescriptorSet)) ?? .init()
        var messages: [String: Numbers] = [:]
        for file in set.file {
            for message in file.messageType {
                var numbers = Numbers()
                for field in message.field {
                    if field.name == "key", field.type == .bytes { numbers.key = Int(field.number) }
                    if field.name == "client_id", field.type == .string { numbers.clientID = Int(field.number) }
                }
                messages[".\(file.package).\(message.name)"] = numbers
            }
        }
        var byMethod: [String: Numbers] = [:]
        for file in set.file {
            for service in file.service {
                for method in service.method {
                    let numbers = method.clientStreaming ? Numbers() : messages[method.inputType] ?? Numbers()
                    byMethod["\(file.package).\(service.name)/\(method.name)"] = numbers
                }
            }
        }
        self.byMethod = byMethod
    }

    /// Whether the program has a descriptor of the method.
    package func knows(_ method: String) -> Bool { byMethod[method] != nil }

    /// The key and the caller's name in an encoded request of `method`, where there are any; what is longer than a key
    /// may be is cut.
    package func read(_ request: RawSpan, of method: String) -> (key: [UInt8]?, clientID: [UInt8]?) {
        guard let numbers = byMethod[method], numbers.key != 0 || numbers.clientID != 0 else { return (nil, nil) }
        return request.withUnsafeBytes { request in
            var fields = FieldReader(request)
            var found: (key: [UInt8]?, clientID: [UInt8]?) = (nil, nil)
            while let field = fields.next() {
                guard let content = field.content, !content.isEmpty else { continue }
                if field.number == numbers.key { found.key = Array(content.prefix(RequestFields.longest)) }
                if field.number == numbers.clientID { found.clientID = Array(content.prefix(RequestFields.longest)) }
            }
            return found
        }
    }

    private static let longest = 1_024
}

/// Walks over the fields of a protobuf message (protobuf.dev/programming-guides/encoding) without decoding them. What
/// is malformed ends the walk; the handler will say so.
private struct FieldReader {
    // An unsafe pointer to the caller's memory; a reader doesn't outlive the closure that it was given to.
    private let message: UnsafeRawBufferPointer
    private var position = 0

    init(_ message: UnsafeRawBufferPointer) { self.message = message }

    /// The next field: its number, and its content if it is one of bytes.
    mutating func next() -> (number: Int, content: Slice<UnsafeRawBufferPointer>?)? {
        guard position < message.count, let tag = varint() else { return nil }
        var content: Slice<UnsafeRawBufferPointer>?
        switch tag & 7 {
        case 0: guard varint() != nil else { return nil }
        case 1: position += 8
        case 2:
            guard let length = varint(), length <= UInt64(message.count - position) else { return nil }
            content = message[position..<position + Int(length)]
            position += Int(length)
        case 5: position += 4
        default: return nil
        }
        return position <= message.count ? (Int(truncatingIfNeeded: tag >> 3), content) : nil
    }

    private mutating func varint() -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard position < message.count else { return nil }
            let byte = message[position]
            position += 1
            number |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte & 0x80 == 0 { return number }
        }
        return nil
    }
}
