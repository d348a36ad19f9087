/// The five bytes before each message: a compressed flag and a big-endian length
/// (gRPC over HTTP/2, `Length-Prefixed-Message`).
package struct MessagePrefix: Equatable {
    package static let size = 5

    package var isCompressed: Bool
    package var length: Int

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    /// Reads the prefix from the first five bytes of `bytes`; `nil` if the flag is neither 0 nor 1.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes[0] <= 1 else { return nil }
        isCompressed = bytes[0] == 1
        length = Int(bytes[1]) << 24 | Int(bytes[2]) << 16 | Int(bytes[3]) << 8 | Int(bytes[4])
    }
}

/// A message as received: still compressed if the flag says so.
package struct ReceivedMessage: Sendable, Equatable {
    package var isCompressed: Bool
    package var bytes: [UInt8]

    package init(isCompressed: Bool, bytes: [UInt8]) {
        self.isCompressed = isCompressed
        self.bytes = bytes
    }
}

/// Cuts a stream's bytes into messages.
///
/// Memory is bounded by the limit, whatever length a peer claims: a claim beyond it fails before any of the message is
/// kept, and room is made only as bytes arrive.
package struct MessageDeframer {
    package enum Failure: Error, Equatable {
        /// A prefix claims more bytes than the limit.
        case tooLarge(length: Int, limit: Int)
        /// The compressed flag is neither 0 nor 1.
        case invalidFlag
    }

    private let limit: Int
    private var prefixBytes: [UInt8] = []
    private var prefix: MessagePrefix?
    private var body: [UInt8] = []

    package init(limit: Int) { self.limit = limit }

    /// Whether no bytes of an unfinished message are held.
    package var isAtBoundary: Bool { prefix == nil && prefixBytes.isEmpty }

    /// How many bytes of an unfinished message are held.
    package var heldBytes: Int { prefixBytes.count + body.count }

    /// Takes `chunk` and gives each message that it completes to `deliver`.
    package mutating func receive(
        _ chunk: UnsafeRawBufferPointer, deliver: (ReceivedMessage) -> Void
    ) throws(Failure) {
        var rest = chunk[...]
        while true {
            guard let prefix = try takePrefix(&rest) else { return }
            let take = min(prefix.length - body.count, rest.count)
            if body.isEmpty, take < prefix.length { body.reserveCapacity(min(prefix.length, 2 * take + 4096)) }
            body.append(contentsOf: rest.prefix(take))
            rest = rest.dropFirst(take)
            guard body.count == prefix.length else { return }
            let message = ReceivedMessage(isCompressed: prefix.isCompressed, bytes: body)
            self.prefix = nil
            body = []
            deliver(message)
            if rest.isEmpty { return }
        }
    }

    private mutating func takePrefix(_ rest: inout Slice<UnsafeRawBufferPointer>) throws(Failure) -> MessagePrefix? {
        if let prefix { return prefix }
        let parsed: MessagePrefix?
        if prefixBytes.isEmpty, rest.count >= MessagePrefix.size {
            parsed = MessagePrefix(UnsafeRawBufferPointer(rebasing: rest.prefix(MessagePrefix.size)))
            rest = rest.dropFirst(MessagePrefix.size)
        } else {
            let take = min(MessagePrefix.size - prefixBytes.count, rest.count)
            prefixBytes.append(contentsOf: rest.prefix(take))
            rest = rest.dropFirst(take)
            guard prefixBytes.count == MessagePrefix.size else { return nil }
            parsed = prefixBytes.withUnsafeBytes { MessagePrefix($0) }
            prefixBytes.removeAll(keepingCapacity: true)
        }
        guard let parsed else { throw .invalidFlag }
        guard parsed.length <= limit else { throw .tooLarge(length: parsed.length, limit: limit) }
        self.prefix = parsed
        return parsed
    }
}
