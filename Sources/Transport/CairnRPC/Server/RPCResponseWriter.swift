public import SwiftProtobuf

/// Where a handler writes the messages of a response stream.
///
/// Writing waits while too much waits to be sent: ``RPCLimits/maxQueuedStreamBytes`` on the call, or
/// ``RPCLimits/maxQueuedConnectionBytes`` on its connection. Writes from several tasks are each whole, in no set order.
public struct RPCResponseWriter<Response: Message>: Sendable {
    private let call: ServerStream

    init(_ call: ServerStream) { self.call = call }

    /// Sends `message`.
    ///
    /// - Throws: the call's status once it is over, such as CANCELLED when the client went away; `CancellationError`.
    public func write(_ message: Response) async throws {
        try await call.write(try EncodedMessage(message))
    }

    /// Sends a message that is encoded already; its bytes are shared, not copied.
    ///
    /// - Throws: as ``write(_:)``.
    public func writeEncoded(_ message: EncodedMessage) async throws {
        try await call.write(message)
    }

    /// Sends the initial metadata now, before any message, so that the client sees the call accepted.
    public func sendHeaders() { call.sendHeaders() }
}
