/// Code around every call of a server: authentication, figures, traces. Without one, a call pays nothing for it.
public protocol RPCServerInterceptor: Sendable {
    /// Runs around the handler, on the call's task. Not calling `next` and throwing an ``RPCError`` refuses the call.
    ///
    /// What `next` throws must be thrown on, or replaced by another error.
    func intercept(_ context: RPCContext, next: @Sendable () async throws -> Void) async throws

    /// Whether a method may answer the call without a task, and so without ``intercept(_:next:)``.
    ///
    /// Called on the connection's event loop, for methods that have such a way; so it must not block, and should take
    /// no longer than making a task would.
    func admits(_ call: RPCDirectCall) -> Bool

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

    /// Admits no call: each has its task.
    public func admits(_ call: RPCDirectCall) -> Bool { false }

    /// Does nothing.
    public func callDidEnd(_ context: RPCContext, status: RPCStatus, duration: Duration) {}
}
