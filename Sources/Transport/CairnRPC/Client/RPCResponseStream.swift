public import SwiftProtobuf
import Synchronization

/// The messages of a call's response stream, in order. One task reads them, once.
///
/// Reading throws ``RPCError`` if the call fails, after the messages that came before. The server is held back by
/// HTTP/2's flow control: it may send a stream window (``RPCClientConfiguration/initialStreamWindow``) beyond what was
/// read.
/// Cancelling the reading task, or dropping the stream and its iterators, resets the call.
public struct RPCResponseStream<Response: Message>: AsyncSequence, Sendable {
    /// A message.
    public typealias Element = Response

    private let handle: CallHandle
    private let codec: MessageCodec

    init(_ handle: CallHandle, _ codec: MessageCodec) {
        self.handle = handle
        self.codec = codec
    }

    /// What the server sent before the first message; `nil` until it has come.
    public var initialMetadata: RPCMetadata? { handle.call.results.withLock { $0.initialMetadata } }

    /// What the server sent with the status; `nil` until the end.
    public var trailingMetadata: RPCMetadata? { handle.call.results.withLock { $0.trailingMetadata } }

    /// Gives the call up.
    public func cancel() { handle.call.cancel(RPCError(.cancelled, "the call was cancelled")) }

    /// Starts to read.
    public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    /// Reads one message after the other.
    public struct Iterator: AsyncIteratorProtocol {
        let stream: RPCResponseStream

        /// The next message, or `nil` when the call has succeeded.
        public mutating func next() async throws -> Response? {
            try await stream.next()
        }
    }

    private func next() async throws -> Response? {
        do {
            guard let message = try await handle.call.inbox?.next() else { return nil }
            return try codec.decode(Response.self, message, compressionAllowed: true)
        } catch {
            // A message that can't be read ends the call, as does the reader's cancellation.
            let failure = RPCError.answering(error)
            handle.call.cancel(failure)
            throw failure
        }
    }
}
