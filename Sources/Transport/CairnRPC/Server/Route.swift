import SwiftProtobuf

/// A registered method, with its message types erased.
// Unchecked: the flags are set while the router is built, and only read after.
package class Route: @unchecked Sendable {
    let method: String
    /// Which of its router's routes it is, from 0.
    var number = 0
    /// Whether the handler starts with the headers rather than with the one request message.
    let streamsRequests: Bool
    var streamsResponses = false
    var endsOnDrain = false

    init(_ method: String, streamsRequests: Bool) {
        self.method = method
        self.streamsRequests = streamsRequests
    }

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    /// Decodes the one request and starts the handler.
    func start(_ call: ServerStream, request: UnsafeRawBufferPointer) throws {
        preconditionFailure("not a single request")
    }

    /// Starts the handler, which reads its requests from the call's inbox.
    func start(_ call: ServerStream, inbox: MessageInbox) { preconditionFailure("not a stream of requests") }
}

/// A method with one request message.
// Unchecked: inherited; what it adds is immutable.
final class SingleRequestRoute<Request: Message>: Route, @unchecked Sendable {
    private let ready: RPCRouter.Ready?
    private let deferred: RPCRouter.Deferred?
    private let handler: @Sendable (Request, RPCContext) async throws -> EncodedMessage?

    init(
        _ method: String, ready: RPCRouter.Ready? = nil, deferred: RPCRouter.Deferred? = nil,
        handler: @escaping @Sendable (Request, RPCContext) async throws -> EncodedMessage?
    ) {
        self.ready = ready
        self.deferred = deferred
        self.handler = handler
        super.init(method, streamsRequests: false)
    }

    override func start(_ call: ServerStream, request: UnsafeRawBufferPointer) throws {
        if let deferred, call.mayDoWithoutTask {
            let direct = RPCDirectCall(call)
            if let response = ready?(request.bytes, direct) { return call.answer(response) }
            if deferred(request.bytes, direct, RPCReply(call)) { return }
        }
        let request = try call.codec.decode(Request.self, request)
        let handler = handler
        call.begin { try await handler(request, $0) }
    }
}

/// A method with a stream of request messages.
// Unchecked: inherited; what it adds is immutable.
final class RequestStreamRoute<Request: Message>: Route, @unchecked Sendable {
    private let handler: @Sendable (RPCRequestStream<Request>, RPCContext) async throws -> EncodedMessage?

    init(
        _ method: String,
        handler: @escaping @Sendable (RPCRequestStream<Request>, RPCContext) async throws -> EncodedMessage?
    ) {
        self.handler = handler
        super.init(method, streamsRequests: true)
    }

    override func start(_ call: ServerStream, inbox: MessageInbox) {
        let requests = RPCRequestStream<Request>(inbox: inbox, codec: call.codec, isGzip: call.head.isGzip)
        let handler = handler
        call.begin { try await handler(requests, $0) }
    }
}
