/// A call's failure: what a handler throws to answer with a status, and what a client's call throws.
public struct RPCError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The code and the sentence.
    public var status: RPCStatus
    /// An encoded `google.rpc.Status`, carried as `grpc-status-details-bin`; empty for none.
    ///
    /// The transport moves the bytes and looks at nothing inside them.
    public var details: [UInt8]
    /// More trailing metadata.
    public var metadata: RPCMetadata
    /// Whether the server surely never started on the call, so that a repeat can't do it twice.
    ///
    /// True only for failures seen before the request could reach a handler: no connection, `REFUSED_STREAM`, or a
    /// GOAWAY that leaves the stream out. False says "not known", not "it was processed".
    public var wasNotProcessed: Bool

    /// An error with `code` and `message`.
    public init(
        _ code: RPCStatus.Code, _ message: String = "", details: [UInt8] = [], metadata: RPCMetadata = [:],
        wasNotProcessed: Bool = false
    ) {
        self.status = RPCStatus(code, message)
        self.details = details
        self.metadata = metadata
        self.wasNotProcessed = wasNotProcessed
    }

    /// The code.
    public var code: RPCStatus.Code { status.code }
    /// The sentence.
    public var message: String { status.message }
    /// The code's name, then the message.
    public var description: String { status.description }
}

extension RPCError {
    /// What the caller is told of `error`: itself if it is an `RPCError`, CANCELLED for a cancellation, and otherwise
    /// UNKNOWN with a neutral sentence, so that no internals leak.
    package static func answering(_ error: any Error) -> RPCError {
        if let error = error as? RPCError {
            // OK can't be thrown: an error that claims success is a defect of the handler.
            if error.code == .ok { return RPCError(.internal, "the handler failed with the status OK") }
            guard error.metadata.firstInvalid == nil else {
                return RPCError(.internal, "the handler failed with metadata that can't be sent")
            }
            return error
        }
        if error is CancellationError { return RPCError(.cancelled, "the call was cancelled") }
        return RPCError(.unknown, "the server failed to handle the call")
    }
}
