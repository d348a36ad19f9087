public import SwiftProtobuf

/// The methods of a server, by full name (`package.Service/Method`, without a leading slash).
///
/// A handler runs in a task of its own that prefers the connection's event loop as executor, so it must not block. Its
/// task is cancelled when the client cancels, the connection is lost or the deadline passes. What it throws becomes the
/// call's status: an ``RPCError`` as it is, `CancellationError` CANCELLED, and anything else UNKNOWN without its text.
public struct RPCRouter: Sendable {
    package private(set) var routes = PathTable<Route>()
    /// Code around every call, outermost first.
    public var interceptors: [any RPCServerInterceptor] = []

    /// No methods.
    public init() {}

    /// The registered methods' full names, sorted.
    public var methods: [String] { routes.values.map(\.method).sorted() }

    private mutating func add(_ route: Route) {
        route.number = routes.values.count
        precondition(routes.insert(route, path: "/" + route.method), "method \(route.method) is registered twice")
    }

    /// One request, one response.
    public mutating func unary<Request: Message, Response: Message>(
        _ method: String, _ handler: @escaping @Sendable (Request, RPCContext) async throws -> Response
    ) {
        add(SingleRequestRoute<Request>(method) { try EncodedMessage(try await handler($0, $1)) })
    }

    /// One request, one response that is encoded already.
    public mutating func unary<Request: Message>(
        _ method: String, _ handler: @escaping @Sendable (Request, RPCContext) async throws -> EncodedMessage
    ) {
        add(SingleRequestRoute<Request>(method) { try await handler($0, $1) })
    }

    /// Answers a request from its encoded bytes at once, or declines with `nil`.
    ///
    /// Called on the event loop, so it must not block, and should take no longer than making a task would.
    public typealias Ready = @Sendable (RawSpan, RPCDirectCall) -> EncodedMessage?

    /// Takes a request from its encoded bytes, to answer it later, or declines with `false`.
    ///
    /// Called on the event loop, so it must not block. If it takes the request it must see to it that the reply is
    /// sent, by anyone on any thread.
    public typealias Deferred = @Sendable (RawSpan, RPCDirectCall, RPCReply) -> Bool

    /// One request, one response that often can be had at once, or is made by others, later, for many calls at once.
    ///
    /// `ready` is asked first, and what it returns is the answer; then `deferred`. What one of them takes needs neither
    /// a task nor a context nor a decoded request; what both decline goes to the handler. They are asked only for calls
    /// that every interceptor admits (``RPCServerInterceptor/admits(_:)``).
    public mutating func unary<Request: Message>(
        _ method: String, ready: Ready? = nil, deferred: @escaping Deferred,
        _ handler: @escaping @Sendable (Request, RPCContext) async throws -> EncodedMessage
    ) {
        add(SingleRequestRoute<Request>(method, ready: ready, deferred: deferred) { try await handler($0, $1) })
    }

    /// One request, a stream of responses that ends when the handler returns.
    ///
    /// - Parameter endsOnDrain: whether the transport ends the call with UNAVAILABLE when the server starts to drain.
    public mutating func serverStreaming<Request: Message, Response: Message>(
        _ method: String, endsOnDrain: Bool = false,
        _ handler: @escaping @Sendable (Request, RPCResponseWriter<Response>, RPCContext) async throws -> Void
    ) {
        let route = SingleRequestRoute<Request>(method) { request, context in
            try await handler(request, RPCResponseWriter(context.call), context)
            return nil
        }
        route.streamsResponses = true
        route.endsOnDrain = endsOnDrain
        add(route)
    }

    /// A stream of requests, one response.
    public mutating func clientStreaming<Request: Message, Response: Message>(
        _ method: String, endsOnDrain: Bool = false,
        _ handler: @escaping @Sendable (RPCRequestStream<Request>, RPCContext) async throws -> Response
    ) {
        let route = RequestStreamRoute<Request>(method) { try EncodedMessage(try await handler($0, $1)) }
        route.endsOnDrain = endsOnDrain
        add(route)
    }

    /// A stream of requests and a stream of responses, independent of each other.
    public mutating func bidirectional<Request: Message, Response: Message>(
        _ method: String, endsOnDrain: Bool = false,
        _ handler:
            @escaping @Sendable (
                RPCRequestStream<Request>, RPCResponseWriter<Response>, RPCContext
            ) async throws -> Void
    ) {
        let route = RequestStreamRoute<Request>(method) { requests, context in
            try await handler(requests, RPCResponseWriter(context.call), context)
            return nil
        }
        route.streamsResponses = true
        route.endsOnDrain = endsOnDrain
        add(route)
    }
}
