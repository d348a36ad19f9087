public import SwiftProtobuf

/// A message encoded once and framed for the wire, to be sent to any number of calls without encoding or copying it
/// again.
///
/// Copies share one allocation. Where a call compresses what it sends, the compressed form is made per call.
public struct EncodedMessage: Sendable {
    /// The five-byte prefix and the message (gRPC over HTTP/2, `Length-Prefixed-Message`).
    package let framed: [UInt8]

    /// Encodes `message`.
    ///
    /// - Throws: INTERNAL if a required field is missing.
    public init(_ message: some Message) throws {
        do {
            self.framed = try (message.serializedBytes() as FramedBytes).framed
        } catch {
            throw RPCError(.internal, "a message could not be encoded: \(error)")
        }
    }

    /// Takes bytes that already are an encoded message.
    public init(bytes: some Collection<UInt8>) {
        self.framed = FramedBytes(bytes).framed
    }

    /// Encodes in place: `write` fills all of the `count` bytes that it is given, and keeps no pointer to them.
    package init(count: Int, write: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
        self.framed = FramedBytes(count: count, write: write).framed
    }

    /// The message's size in bytes, without the prefix.
    public var count: Int { framed.count - MessagePrefix.size }

    /// The message without the prefix.
    public var bytes: ArraySlice<UInt8> { framed[MessagePrefix.size...] }

    /// The frame to send on a call that compresses, or the plain one where gzip would not make it smaller.
    package func gzipped() -> [UInt8] {
        let compressed = Gzip.compress(bytes)
        guard compressed.count < count else { return framed }
        return FramedBytes(compressed, compressed: true).framed
    }
}

/// The bag of bytes that swift-protobuf fills, with room for the prefix in front, so that a message is encoded in
/// place.
struct FramedBytes: SwiftProtobufContiguousBytes {
    var framed: [UInt8]

    init(repeating byte: UInt8, count: Int) {
        framed = [UInt8](unsafeUninitializedCapacity: MessagePrefix.size + count) { buffer, initialized in
            buffer.initialize(repeating: byte)
            initialized = MessagePrefix.size + count
        }
        writePrefix(compressed: false)
    }

    init(count: Int, write: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
        framed = [UInt8](unsafeUninitializedCapacity: MessagePrefix.size + count) { buffer, initialized in
            write(UnsafeMutableBufferPointer(rebasing: buffer.dropFirst(MessagePrefix.size)))
            initialized = MessagePrefix.size + count
        }
        writePrefix(compressed: false)
    }

    init<S: Sequence>(_ sequence: S) where S.Element == UInt8 {
        self.init(sequence, compressed: false)
    }

    init(_ sequence: some Sequence<UInt8>, compressed: Bool) {
        framed = []
        framed.reserveCapacity(MessagePrefix.size + sequence.underestimatedCount)
        framed.append(contentsOf: repeatElement(0, count: MessagePrefix.size))
        framed.append(contentsOf: sequence)
        writePrefix(compressed: compressed)
    }

    var count: Int { framed.count - MessagePrefix.size }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try framed.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0.dropFirst(MessagePrefix.size))) }
    }

    mutating func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
        try framed.withUnsafeMutableBytes {
            try body(UnsafeMutableRawBufferPointer(rebasing: $0.dropFirst(MessagePrefix.size)))
        }
    }

    private mutating func writePrefix(compressed: Bool) {
        let length = UInt32(count)
        framed[0] = compressed ? 1 : 0
        framed[1] = UInt8(truncatingIfNeeded: length >> 24)
        framed[2] = UInt8(truncatingIfNeeded: length >> 16)
        framed[3] = UInt8(truncatingIfNeeded: length >> 8)
        framed[4] = UInt8(truncatingIfNeeded: length)
    }
}
