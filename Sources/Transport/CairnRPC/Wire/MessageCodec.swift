import SwiftProtobuf

/// Turns received messages into values, the same way on both sides.
struct MessageCodec: Sendable {
    /// What a received message is called in an error: "request" or "response".
    let role: String
    /// The limit on a message after unpacking, in bytes.
    let limit: Int

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    /// Decodes an uncompressed message from borrowed bytes.
    func decode<M: Message>(_ type: M.Type, _ bytes: UnsafeRawBufferPointer) throws -> M {
        do {
            return try M(serializedBytes: bytes.bytes)
        } catch {
            throw invalid("\(role) is not a valid \(M.protoMessageName) message")
        }
    }

    /// Decodes a received message, unpacking it first if need be.
    func decode<M: Message>(_ type: M.Type, _ message: ReceivedMessage, compressionAllowed: Bool) throws -> M {
        try unpacked(message, compressionAllowed: compressionAllowed).withUnsafeBytes { try decode(type, $0) }
    }

    /// A received message's bytes, unpacked if need be.
    func unpacked(_ message: ReceivedMessage, compressionAllowed: Bool) throws -> [UInt8] {
        guard message.isCompressed else { return message.bytes }
        guard compressionAllowed else {
            throw RPCError(.internal, "\(role) has its compressed flag set, but grpc-encoding names no compression")
        }
        do {
            return try Gzip.decompress(message.bytes, limit: limit)
        } catch .tooLarge {
            throw RPCError(
                .resourceExhausted,
                "\(role) of \(message.bytes.count) compressed bytes unpacks to more than \(limit) bytes")
        } catch .malformed {
            throw RPCError(.internal, "\(role) is not valid gzip")
        }
    }

    private func invalid(_ text: String) -> RPCError {
        // A request is its sender's input; a response that can't be read is the peer's defect.
        RPCError(role == "request" ? .invalidArgument : .internal, text)
    }

    /// What the peer, or the caller, is told of bytes that can't be cut into messages.
    func error(_ failure: MessageDeframer.Failure) -> RPCError {
        switch failure {
        case .tooLarge(let length, let limit):
            RPCError(.resourceExhausted, "\(role) of \(length) bytes exceeds the limit of \(limit) bytes")
        case .invalidFlag:
            RPCError(.internal, "\(role) has an invalid compressed flag")
        }
    }
}
