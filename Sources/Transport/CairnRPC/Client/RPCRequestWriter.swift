public import SwiftProtobuf

/// Where a client writes the messages of a request stream.
///
/// Writing waits while more than ``RPCClientConfiguration/maxQueuedStreamBytes`` wait to be sent.
public struct RPCRequestWriter<Request: Message>: Sendable {
    private let handle: CallHandle

    init(_ handle: CallHandle) { self.handle = handle }

    /// Sends `message`.
    ///
    /// - Throws: the call's status once it is over; CANCELLED if it succeeded without reading on; `CancellationError`.
    public func write(_ message: Request) async throws { try await writeEncoded(EncodedMessage(message)) }

    /// Sends a message that is encoded already; its bytes are shared, not copied.
    ///
    /// - Throws: as ``write(_:)``.
    public func writeEncoded(_ message: EncodedMessage) async throws {
        let call = handle.call
        let framed = call.isGzip ? message.gzipped() : message.framed
        try await call.gate?.reserve(framed.count)
        call.onLoop { call.send(framed) }
    }

    /// Ends the requests; the responses go on.
    public func finish() {
        let call = handle.call
        call.onLoop { call.endRequest() }
    }
}
