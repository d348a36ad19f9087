/// A call that may be answered without a task, as those see it who decide that and who answer it.
///
/// Only for use on the call's event loop, and only until the function returns that it was given to; so not `Sendable`.
public struct RPCDirectCall {
    let call: ServerStream

    init(_ call: ServerStream) { self.call = call }

    /// The method's full name without the leading slash, such as `cairn.v1.KeyValue/Get`.
    public var method: String { call.method }

    /// What the client sent besides the message.
    public var metadata: RPCMetadata { call.head.metadata }

    /// What was noted with the connection; see ``RPCContext/remembered``.
    public var remembered: (any AnyObject & Sendable)? { call.connection.remembered }

    /// What an interceptor has found out of this call, for the method that answers it.
    public var finding: (any AnyObject & Sendable)? {
        get { call.finding }
        nonmutating set { call.finding = newValue }
    }
}
