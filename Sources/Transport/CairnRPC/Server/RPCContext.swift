/// What a handler knows of its call, and can do to it besides answering.
///
/// Copies are the same call. It is cheap to pass and to keep, and stays valid after the call.
public struct RPCContext: Sendable {
    let call: ServerStream

    init(_ call: ServerStream) { self.call = call }

    /// The method's full name without the leading slash, such as `cairn.v1.KeyValue/Get`.
    public var method: String { call.method }

    /// What the client sent besides the message. `user-agent` is in ``userAgent`` instead.
    public var metadata: RPCMetadata { call.head.metadata }

    /// The client's `user-agent`.
    public var userAgent: String? { call.head.userAgent }

    /// When the client gives up, from `grpc-timeout` and the moment the headers came; the transport answers
    /// DEADLINE_EXCEEDED then, whatever the handler does.
    public var deadline: ContinuousClock.Instant? { call.deadline }

    /// The client's address; `nil` if the operating system doesn't know it.
    public var peerAddress: RPCAddress? { call.connection.peerAddress }

    /// The client's certificate in DER under mTLS, already verified; `nil` without one.
    public var peerCertificate: [UInt8]? { call.connection.peerCertificate }

    /// Something to keep with the connection, for calls that come later by it; the last that was set, by any of its
    /// calls.
    public var remembered: (any AnyObject & Sendable)? {
        get { call.connection.remembered }
        nonmutating set { call.connection.remembered = newValue }
    }

    /// Metadata to send before the first message. Setting it after the first message was written does nothing.
    ///
    /// - Throws: INTERNAL if a name or value can't be sent.
    public func setInitialMetadata(_ metadata: RPCMetadata) throws { try call.setInitialMetadata(metadata) }

    /// Metadata to send with the status.
    ///
    /// - Throws: INTERNAL if a name or value can't be sent.
    public func setTrailingMetadata(_ metadata: RPCMetadata) throws { try call.setTrailingMetadata(metadata) }

    /// Whether the server, or just this connection, is asking its clients to go elsewhere.
    public var isDraining: Bool { call.isDraining }

    /// Runs `action` when the server or connection starts to drain, at once if it does already; never after the call.
    ///
    /// For a stream without an end, registering the method with `endsOnDrain` is simpler.
    public func onDrain(_ action: @escaping @Sendable () -> Void) { call.onDrain(action) }

    /// Ends the call with an error, whatever its handler is doing, which is cancelled; from any thread. What was
    /// written before and hasn't been sent yet may be lost. Nothing happens if the call is over.
    public func end(_ error: RPCError) { call.complete(.failure(error)) }
}
