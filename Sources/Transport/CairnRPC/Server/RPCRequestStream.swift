public import SwiftProtobuf

/// The messages that a client sends on one call, in order. One task reads them, once.
///
/// The client is held back by HTTP/2's flow control: it may send a stream window (``RPCLimits/initialStreamWindow``)
/// beyond what was read. Reading throws INVALID_ARGUMENT for bytes that aren't the message, RESOURCE_EXHAUSTED for a
/// message over the limit, and CANCELLED when the client is gone.
public struct RPCRequestStream<Request: Message>: AsyncSequence, Sendable {
    /// A message.
    public typealias Element = Request

    let inbox: MessageInbox
    let codec: MessageCodec
    let isGzip: Bool

    /// Starts to read.
    public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    /// Reads one message after the other.
    public struct Iterator: AsyncIteratorProtocol {
        let stream: RPCRequestStream

        /// The next message, or `nil` when the client has sent its last.
        public mutating func next() async throws -> Request? {
            guard let message = try await stream.inbox.next() else { return nil }
            return try stream.codec.decode(Request.self, message, compressionAllowed: stream.isGzip)
        }
    }
}
