/// The answer that a call without a task still owes.
///
/// A call may end before its answer comes: its deadline passes, or its client goes away. Then the answer is dropped.
public struct RPCReply: Sendable {
    let call: ServerStream

    init(_ call: ServerStream) { self.call = call }

    /// Answers with what `make` returns, or with the status of what it throws. From any thread, once.
    ///
    /// `make` is called on the call's event loop, so it must not block.
    public func send(_ make: @escaping @Sendable () throws -> EncodedMessage) { call.complete(make) }
}
