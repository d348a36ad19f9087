package import CairnModel
internal import CairnProtocol
package import CairnRPC

// The messages of the hot paths, written and read by hand.
//
// Going through the generated types costs a copy of each key and value and a walk through an interface for each
// field: about as much as the rest of a read. What is written here is what the generated types write, field for
// field, and a test holds the two against each other. The format is protobuf's
// (protobuf.dev/programming-guides/encoding): a field is a tag, which is its number times 8 plus its wire type, then
// its content; fields that are zero or empty are left out.

extension Record {
    /// The record as the encoded response of a get or a set: a message whose field 1 is the record.
    package func encodedResponse(withValue: Bool) -> EncodedMessage {
        let size = encodedSize(withValue: withValue)
        return EncodedMessage(count: ProtobufWriter.size(ofField: size)) { buffer in
            var writer = ProtobufWriter(buffer)
            writer.begin(1, size: size)
            write(to: &writer, withValue: withValue)
        }
    }

    fileprivate func encodedSize(withValue: Bool) -> Int {
        var size = ProtobufWriter.size(ofBytes: key.bytes)
        if withValue { size += value.encodedSize }
        let numbers = numbers
        for index in numbers.indices { size += ProtobufWriter.size(ofNumber: numbers[index]) }
        return size
    }

    fileprivate func write(to writer: inout ProtobufWriter, withValue: Bool) {
        writer.write(1, key.bytes)
        guard withValue, value.kind == .typed, let type = value.typeBytes else {
            if withValue { writer.write(2, value.bytes) }
            return writeNumbers(to: &writer)
        }
        writer.write(2, value.bytes[type.endIndex...])
        writeNumbers(to: &writer)
        writer.write(11, type)
    }

    private func writeNumbers(to writer: inout ProtobufWriter) {
        let numbers = numbers
        for index in numbers.indices { writer.write(3 + index, numbers[index]) }
    }

    /// Fields 3 to 10.
    private var numbers: InlineArray<8, Int64> {
        [
            Int64(value.wireKind.rawValue), version, createdVersion, createdRef.rawValue, updatedRef.rawValue,
            deletedRef?.rawValue ?? 0, leaseID.rawValue, lockToken.rawValue,
        ]
    }
}

extension Value {
    /// The size of a record's fields 2 and 11.
    fileprivate var encodedSize: Int {
        guard kind == .typed, let type = typeBytes else { return ProtobufWriter.size(ofBytes: bytes) }
        let content = bytes.endIndex - type.endIndex
        return ProtobufWriter.size(ofField: type.count) + (content == 0 ? 0 : ProtobufWriter.size(ofField: content))
    }
}

extension ListPage {
    /// The page as an encoded `ListResponse`.
    package var encoded: EncodedMessage {
        let sizes = entries.map(\.encodedSize)
        var size = sizes.reduce(0) { $0 + ProtobufWriter.size(ofField: $1) }
        size += ProtobufWriter.size(ofBytes: next?.bytes ?? []) + ProtobufWriter.size(ofNumber: ref.rawValue)
        // An element of a list is written though it be empty.
        size += withheld.reduce(0) { $0 + ProtobufWriter.size(ofField: $1.bytes.count) }
        return EncodedMessage(count: size) { buffer in
            var writer = ProtobufWriter(buffer)
            for (entry, size) in zip(entries, sizes) {
                writer.begin(1, size: size)
                entry.write(to: &writer)
            }
            if let next { writer.write(2, next.bytes) }
            writer.write(3, ref.rawValue)
            for key in withheld {
                writer.begin(4, size: key.bytes.count)
                writer.append(key.bytes)
            }
        }
    }
}

extension ListPage.Entry {
    fileprivate var encodedSize: Int {
        switch self {
        case .record(let record): ProtobufWriter.size(ofField: record.encodedSize(withValue: true))
        // In a oneof, an empty field is written too.
        case .directory(let key): ProtobufWriter.size(ofField: key.bytes.count)
        }
    }

    fileprivate func write(to writer: inout ProtobufWriter) {
        switch self {
        case .record(let record):
            writer.begin(1, size: record.encodedSize(withValue: true))
            record.write(to: &writer, withValue: true)
        case .directory(let key):
            writer.begin(2, size: key.bytes.count)
            writer.append(key.bytes)
        }
    }
}

// Requests of the common form. `nil` stands for whatever is better left to the generated type: other fields, fields in
// another order, and what is malformed.

extension Key {
    /// The key of an encoded `GetRequest` that asks for nothing else.
    package init?(encodedGetRequest request: RawSpan) {
        let bytes = request.withUnsafeBytes { request -> [UInt8]? in
            var reader = ProtobufReader(request)
            guard let key = reader.bytes(1), reader.isAtEnd else { return nil }
            return key
        }
        guard let bytes else { return nil }
        self.init(bytes: bytes)
    }
}

extension Transaction {
    /// The transaction of an encoded `SetRequest` with a key, a value and nothing else.
    package init?(encodedSetRequest request: RawSpan) {
        let fields = request.withUnsafeBytes { request -> (key: [UInt8], value: [UInt8])? in
            var reader = ProtobufReader(request)
            guard let key = reader.bytes(1), let value = reader.bytes(2), reader.isAtEnd else { return nil }
            return (key, value)
        }
        guard let fields else { return nil }
        self.init(then: [.set(Key(bytes: fields.key), Value(bytes: fields.value))])
    }
}

/// Reads fields of a protobuf message in the order in which they are expected.
private struct ProtobufReader {
    // An unsafe pointer to the caller's memory; a reader doesn't outlive the closure that it was given to.
    private let buffer: UnsafeRawBufferPointer
    private var position = 0

    init(_ buffer: UnsafeRawBufferPointer) { self.buffer = buffer }

    var isAtEnd: Bool { position == buffer.count }

    /// The content of a field of bytes, if that is what comes next.
    mutating func bytes(_ field: Int) -> [UInt8]? {
        guard position < buffer.count, buffer[position] == UInt8(field << 3 | 2) else { return nil }
        position += 1
        guard let length = length(), length <= buffer.count - position else { return nil }
        defer { position += length }
        return Array(UnsafeRawBufferPointer(rebasing: buffer[position..<position + length]))
    }

    /// A varint of up to four bytes, so of less than 256 MiB.
    private mutating func length() -> Int? {
        var length = 0
        for shift in stride(from: 0, to: 28, by: 7) {
            guard position < buffer.count else { return nil }
            let byte = buffer[position]
            position += 1
            length |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return length }
        }
        return nil
    }
}

/// Writes the fields of a protobuf message into memory that has just the room for them.
private struct ProtobufWriter {
    // An unsafe pointer to the caller's memory; a writer doesn't outlive the closure that it was given to.
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    private var position = 0

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>) { self.buffer = buffer }

    /// The size of a message or string field with this content, tag and length included. Tags take one byte up to
    /// field 15.
    static func size(ofField size: Int) -> Int { 1 + varintSize(UInt64(size)) + size }

    static func size(ofBytes bytes: [UInt8]) -> Int { bytes.isEmpty ? 0 : size(ofField: bytes.count) }

    static func size(ofNumber number: Int64) -> Int {
        number == 0 ? 0 : 1 + varintSize(UInt64(bitPattern: number))
    }

    private static func varintSize(_ number: UInt64) -> Int { (70 - (number | 1).leadingZeroBitCount) / 7 }

    /// Starts a field whose content, of `size` bytes, follows.
    mutating func begin(_ field: Int, size: Int) {
        put(UInt8(field << 3 | 2))
        varint(UInt64(size))
    }

    mutating func write(_ field: Int, _ bytes: some Collection<UInt8>) {
        guard !bytes.isEmpty else { return }
        begin(field, size: bytes.count)
        append(bytes)
    }

    mutating func write(_ field: Int, _ number: Int64) {
        guard number != 0 else { return }
        put(UInt8(field << 3))
        varint(UInt64(bitPattern: number))
    }

    mutating func append(_ bytes: some Collection<UInt8>) {
        let rest = UnsafeMutableBufferPointer(rebasing: buffer[position...])
        position += rest.update(fromContentsOf: bytes)
    }

    private mutating func varint(_ number: UInt64) {
        var rest = number
        while rest > 0x7F {
            put(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        put(UInt8(rest))
    }

    private mutating func put(_ byte: UInt8) {
        buffer[position] = byte
        position += 1
    }
}
