import NIOCore
import Synchronization

/// One call on a server: its HTTP/2 stream, its handler's task, and what was decided about its end.
///
/// The transport's side of it is confined to the connection's event loop. The handler's side, from any thread, is:
/// what is fixed once the handler starts (`head`, `route`, `deadline`, `connection`), the inbox and the gate, which lock
/// for themselves, and `notes` under its Mutex.
// Unchecked: see above.
final class ServerStream: HTTP2Stream, @unchecked Sendable {
    /// What the handler leaves for the transport.
    private struct Notes {
        var initialMetadata: RPCMetadata?
        var trailingMetadata: RPCMetadata?
        var drainActions: [@Sendable () -> Void] = []
        var isDraining = false
    }

    let connection: ServerConnection
    var head = RequestHead()
    var route: Route?
    var unknownPath: String?
    var startedAt: ContinuousClock.Instant?
    var deadline: ContinuousClock.Instant?
    /// When the call's deadline passes, and when its one request must be complete, on the loop's clock.
    var deadlineAt: NIODeadline?
    var requestDueAt: NIODeadline?
    /// Whether the request's first header block is complete.
    var hasHead = false
    /// Received bytes that wait for a handler.
    var bufferedBytes = 0
    private var deframer: MessageDeframer
    private var hasStarted = false
    private var areHeadersSent = false
    private(set) var isFinished = false
    private var task: Task<Void, Never>?
    private var inbox: MessageInbox?
    private(set) var gate: WriteGate?
    private var firstMessage: ReceivedMessage?
    private let notes = Mutex(Notes())

    init(connection: ServerConnection) {
        self.connection = connection
        deframer = MessageDeframer(limit: connection.limits.maxReceiveMessageBytes)
    }

    var codec: MessageCodec { connection.codec }
    var method: String { route?.method ?? unknownPath ?? "" }
    private var eventLoop: any EventLoop { connection.executor.eventLoop }

    // MARK: Requests, on the loop

    /// The headers are complete: refuse the call, or get ready for its messages.
    func headersDidEnd(endStream: Bool) {
        switch head.verdict(limit: connection.limits.maxMetadataBytes) {
        case .accept: break
        case .httpStatus(let status): return refuse(httpStatus: status)
        case .reject(let error): return fail(error)
        }
        guard let route else { return fail(RPCError(.unimplemented, "unknown method \(method)")) }
        if route.streamsResponses {
            gate = WriteGate(limit: connection.limits.maxQueuedStreamBytes, connection: connection.writeLimit)
            reportsProgress = true
        }
        if route.streamsRequests {
            let inbox = MessageInbox(window: connection.limits.initialStreamWindow) { [weak self, connection] in
                connection.executor.perform { self?.giveCredit() }
            }
            self.inbox = inbox
            if endStream { inbox.finish(.success(())) }
            hasStarted = true
            route.start(self, inbox: inbox)
        } else if endStream {
            fail(RPCError(.internal, "the request carries no message"))
        }
    }

    func receive(_ bytes: UnsafeRawBufferPointer, endStream: Bool) {
        guard !isFinished, let route else { return session.map { $0.consume(bytes.count, on: self) } ?? () }
        if let inbox { return receive(bytes, into: inbox) }
        session?.consume(bytes.count, on: self)
        guard !hasStarted else { return fail(RPCError(.internal, "the call takes one request message")) }
        if endStream, deframer.isAtBoundary, firstMessage == nil, startWhole(bytes, route) { return }
        var extra = false
        cut(bytes) { message in
            if self.firstMessage == nil { self.firstMessage = message } else { extra = true }
        }
        if extra { fail(RPCError(.internal, "the call takes one request message")) }
        setBuffered((firstMessage?.bytes.count ?? 0) + deframer.heldBytes)
    }

    /// The common case: one plain message in one DATA frame that ends the stream, decoded where it lies.
    private func startWhole(_ bytes: UnsafeRawBufferPointer, _ route: Route) -> Bool {
        guard bytes.count >= MessagePrefix.size, let prefix = MessagePrefix(bytes), !prefix.isCompressed,
            prefix.length == bytes.count - MessagePrefix.size,
            prefix.length <= connection.limits.maxReceiveMessageBytes
        else { return false }
        isRemoteEnded = true
        start(route, UnsafeRawBufferPointer(rebasing: bytes[MessagePrefix.size...]))
        return true
    }

    private func receive(_ bytes: UnsafeRawBufferPointer, into inbox: MessageInbox) {
        var messages: [ReceivedMessage] = []
        cut(bytes) { messages.append($0) }
        let credit = inbox.deliver(messages, received: bytes.count, held: deframer.heldBytes)
        if credit > 0 { session?.consume(credit, on: self) }
        setBuffered(inbox.waitingBytes)
    }

    private func giveCredit() {
        guard let inbox, session != nil else { return }
        session?.consume(inbox.takeCredit(), on: self)
        setBuffered(inbox.waitingBytes)
        connection.setNeedsFlush()
    }

    private func cut(_ bytes: UnsafeRawBufferPointer, deliver: (ReceivedMessage) -> Void) {
        do {
            try deframer.receive(bytes, deliver: deliver)
        } catch {
            fail(codec.error(error))
        }
    }

    private func setBuffered(_ count: Int) {
        connection.bufferedBytes += count - bufferedBytes
        bufferedBytes = count
    }

    /// The client has sent its last byte.
    func requestDidEnd() {
        requestDueAt = nil
        guard !isFinished else { return }
        guard deframer.isAtBoundary else {
            return fail(RPCError(.internal, "the request ended within a message"))
        }
        if let inbox { return inbox.finish(.success(())) }
        guard !hasStarted, let route else { return }
        guard let message = firstMessage else { return fail(RPCError(.internal, "the request carries no message")) }
        firstMessage = nil
        setBuffered(0)
        do {
            let plain = try codec.unpacked(message, compressionAllowed: head.isGzip)
            plain.withUnsafeBytes { start(route, $0) }
        } catch {
            fail(RPCError.answering(error))
        }
    }

    private func start(_ route: Route, _ request: UnsafeRawBufferPointer) {
        hasStarted = true
        requestDueAt = nil
        do {
            try route.start(self, request: request)
        } catch {
            fail(RPCError.answering(error))
        }
    }

    /// Ends the call if its time is up.
    func checkTimes(now: NIODeadline) {
        if let deadlineAt, deadlineAt <= now {
            self.deadlineAt = nil
            fail(RPCError(.deadlineExceeded, "the call's deadline has passed"))
        }
        if let requestDueAt, requestDueAt <= now {
            self.requestDueAt = nil
            fail(RPCError(.deadlineExceeded, "the request did not arrive in time"))
        }
    }

    // MARK: The handler

    /// Runs the handler's body in a task that prefers the loop, starting at once on this thread.
    func begin(_ body: @escaping @Sendable (RPCContext) async throws -> EncodedMessage?) {
        connection.startWhenRoom { self.run(body) }
    }

    private func run(_ body: @escaping @Sendable (RPCContext) async throws -> EncodedMessage?) {
        guard !isFinished else { return }
        let task = Task.immediate(executorPreference: connection.executor) {
            do {
                let response =
                    self.connection.interceptors.isEmpty
                    ? try await body(RPCContext(self)) : try await self.intercepted(body)
                self.complete(.success(response))
            } catch {
                self.complete(.failure(error))
            }
        }
        if !isFinished { self.task = task }
    }

    private func complete(_ result: Result<EncodedMessage?, any Error>) {
        if eventLoop.inEventLoop {
            finish(result)
        } else {
            connection.executor.perform { self.finish(result) }
        }
    }

    private func finish(_ result: Result<EncodedMessage?, any Error>) {
        guard !isFinished else { return }
        switch result {
        case .success(let response): succeed(response)
        case .failure(let error):
            let answer = RPCError.answering(error)
            if answer.code == .unknown, !(error is RPCError) { connection.log(failure: error, of: self) }
            fail(answer)
        }
    }

    private func succeed(_ response: EncodedMessage?) {
        guard let session else { return }
        let trailing = notes.withLock { $0.trailingMetadata }
        if let response {
            // A single response isn't gated: it is one message a stream, and streams are limited.
            enqueue(framed(response))
        }
        if let trailing, !trailing.isEmpty {
            var block = HeaderBlock()
            block.add(.ok, details: [], metadata: trailing)
            finish(.trailers(block))
        } else {
            finish(.statusOK)
        }
        sendHeadersOnLoop(session)
        didFinish(.ok)
    }

    /// Ends the call with an error, whatever its handler is doing.
    func fail(_ error: RPCError) {
        guard !isFinished else { return }
        if let session {
            var metadata = error.metadata
            notes.withLock { notes in
                for entry in notes.trailingMetadata?.entries ?? [] { metadata.append(entry) }
            }
            var block = HeaderBlock()
            if areHeadersSent {
                block.add(error.status, details: error.details, metadata: metadata)
                finish(.trailers(block))
            } else {
                // Nothing was sent: the status goes in the only header block ("Trailers-Only").
                block.add(":status", "200")
                block.add("content-type", "application/grpc")
                block.add(error.status, details: error.details, metadata: metadata)
                areHeadersSent = true
                session.submitResponse(block, on: self, hasBody: false)
            }
        }
        release(error)
        didFinish(error.status)
    }

    private func refuse(httpStatus: StaticString) {
        var block = HeaderBlock()
        block.add(":status", "\(httpStatus)")
        session?.submitResponse(block, on: self, hasBody: false)
        let error = RPCError(.internal, "HTTP status \(httpStatus)")
        release(error)
        didFinish(error.status)
    }

    /// The stream is over in the session: the client reset it or went away, or all is sent.
    func didClose() {
        let error = RPCError(.cancelled, "the client cancelled the call or went away")
        if !isFinished {
            release(error)
            didFinish(error.status)
        }
        gate?.close(error)
        setBuffered(0)
    }

    /// Stops the handler and everything that waits in it.
    private func release(_ error: RPCError) {
        task?.cancel()
        inbox?.finish(.failure(error), discarding: true)
        gate?.close(error)
        firstMessage = nil
        setBuffered(0)
    }

    private func didFinish(_ status: RPCStatus) {
        isFinished = true
        task = nil
        notes.withLock { $0.drainActions = [] }
        connection.setNeedsFlush()
        connection.callDidEnd(self, status: status)
    }

    // MARK: Responses

    private func framed(_ message: EncodedMessage) -> [UInt8] {
        guard let threshold = connection.compressionThreshold, head.acceptsGzip, message.count >= threshold else {
            return message.framed
        }
        return message.gzipped()
    }

    /// Sends the headers, from any thread.
    func sendHeaders() {
        if eventLoop.inEventLoop {
            session.map { sendHeadersOnLoop($0) }
        } else {
            connection.executor.perform { self.session.map { self.sendHeadersOnLoop($0) } }
        }
    }

    private func sendHeadersOnLoop(_ session: HTTP2Session) {
        guard !areHeadersSent, !isFinished else { return }
        areHeadersSent = true
        connection.setNeedsFlush()
        let initial = notes.withLock { $0.initialMetadata }
        let compresses = connection.compressionThreshold != nil && head.acceptsGzip
        guard compresses || initial?.isEmpty == false else { return session.submitResponse(on: self) }
        var block = HeaderBlock()
        block.add(":status", "200")
        block.add("content-type", "application/grpc")
        if compresses { block.add("grpc-encoding", "gzip") }
        if let initial { block.add(initial) }
        session.submitResponse(block, on: self, hasBody: true)
    }

    /// Sends one message of a response stream, waiting for room first.
    func write(_ message: EncodedMessage) async throws {
        guard let gate else { preconditionFailure("only a response stream is written to") }
        let framed = framed(message)
        try await gate.reserve(framed.count)
        if eventLoop.inEventLoop {
            send(framed)
        } else {
            connection.executor.perform { self.send(framed) }
        }
    }

    private func send(_ framed: [UInt8]) {
        guard let session, !isFinished else { return }
        enqueue(framed)
        sendHeadersOnLoop(session)
        connection.setNeedsFlush()
    }

    // MARK: Notes

    func setInitialMetadata(_ metadata: RPCMetadata) {
        precondition(metadata.firstInvalid == nil, "metadata must have valid names and printable values")
        notes.withLock { $0.initialMetadata = metadata }
    }

    func setTrailingMetadata(_ metadata: RPCMetadata) {
        precondition(metadata.firstInvalid == nil, "metadata must have valid names and printable values")
        notes.withLock { $0.trailingMetadata = metadata }
    }

    var isDraining: Bool { notes.withLock { $0.isDraining } }

    func onDrain(_ action: @escaping @Sendable () -> Void) {
        let isDraining = notes.withLock { notes in
            if !notes.isDraining { notes.drainActions.append(action) }
            return notes.isDraining
        }
        if isDraining { action() }
    }

    /// The connection starts to drain.
    func drain() {
        let actions = notes.withLock { notes in
            notes.isDraining = true
            defer { notes.drainActions = [] }
            return notes.drainActions
        }
        for action in actions { action() }
        if route?.endsOnDrain == true { fail(RPCError(.unavailable, "the server is shutting down")) }
    }

    private func intercepted(
        _ body: @escaping @Sendable (RPCContext) async throws -> EncodedMessage?
    ) async throws -> EncodedMessage? {
        let response = Mutex<EncodedMessage?>(nil)
        let context = RPCContext(self)
        try await Self.nest(connection.interceptors[...], context) {
            let made = try await body(context)
            response.withLock { $0 = made }
        }
        return response.withLock { $0 }
    }

    private static func nest(
        _ interceptors: ArraySlice<any RPCServerInterceptor>, _ context: RPCContext,
        _ body: @Sendable () async throws -> Void
    ) async throws {
        guard let first = interceptors.first else { return try await body() }
        try await first.intercept(context) { try await nest(interceptors.dropFirst(), context, body) }
    }
}
