internal import Synchronization

/// The answer that a call without a task still owes.
///
/// A call may end before its answer comes: its deadline passes, or its client goes away. Then the answer is dropped.
public struct RPCReply: Sendable {
    let call: ServerStream

    init(_ call: ServerStream) { self.call = call }

    /// Whether the client still waits: the call hasn't ended, and its deadline hasn't passed. From any thread.
    public var isWanted: Bool {
        guard !call.isOver.load(ordering: .relaxed) else { return false }
        return call.deadline.map { ContinuousClock.now < $0 } ?? true
    }

    /// Answers with what `make` returns, or with the status of what it throws. From any thread, once.
    ///
    /// `make` is called on the call's event loop, so it must not block.
    public func send(_ make: @escaping @Sendable () throws -> EncodedMessage) { call.complete(make) }
}
