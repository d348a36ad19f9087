/// Code around every call of a server: authentication, figures, traces. Without one, a call pays nothing for it.
public protocol RPCServerInterceptor: Sendable {
    /// Runs around the handler, on the call's task. Not calling `next` and throwing an ``RPCError`` refuses the call.
    ///
    /// What `next` throws must be thrown on, or replaced by another error.
    func intercept(_ context: RPCContext, next: @Sendable () async throws -> Void) async throws

    /// Told of each call's end once: calls that no handler saw too, such as those for unknown methods.
    ///
    /// Runs on the connection's event loop and must not block. `duration` counts from the headers' arrival.
    func callDidEnd(_ context: RPCContext, status: RPCStatus, duration: Duration)
}

extension RPCServerInterceptor {
    /// Just calls the handler.
    public func intercept(_ context: RPCContext, next: @Sendable () async throws -> Void) async throws {
        try await next()
    }

    /// Does nothing.
    public func callDidEnd(_ context: RPCContext, status: RPCStatus, duration: Duration) {}
}
