import NIOCore
import Synchronization

/// One call on a server: its HTTP/2 stream, its handler's task, and what was decided about its end.
///
/// The transport's side of it is confined to the connection's event loop. The handler's side, from any thread, is:
/// what is fixed once the handler starts (`head`, `route`, `deadline`, `connection`), the inbox and the gate, which
/// lock for themselves, and `notes` under its Mutex.
// Unchecked: see above.
final class ServerStream: HTTP2Stream, @unchecked Sendable {
    /// What the handler leaves for the transport.
    struct Notes {
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
    /// If the call is traced.
    var span: (any RPCCallSpan)?
    /// When its headers were complete.
    var arrivedAt: NIODeadline?
    var deadline: ContinuousClock.Instant?
    /// When the call's deadline passes, and when more of its request must have come, on the loop's clock.
    var deadlineAt: NIODeadline?
    var requestDueAt: NIODeadline?
    /// Whether the request's first header block is complete.
    var hasHead = false
    /// Received bytes that wait for a handler.
    var bufferedBytes = 0
    private var deframer: MessageDeframer
    var hasStarted = false
    var areHeadersSent = false
    var isFinished = false
    /// The same, for who asks from another thread.
    let isOver = Atomic<Bool>(false)
    var task: Task<Void, Never>?
    var inbox: MessageInbox?
    var gate: WriteGate?
    /// What an interceptor has found out, for a method that answers without a task.
    var finding: (any AnyObject & Sendable)?
    var firstMessage: ReceivedMessage?
    let notes = Mutex(Notes())

    init(connection: ServerConnection) {
        self.connection = connection
        deframer = MessageDeframer(limit: connection.limits.maxReceiveMessageBytes)
        super.init(live: connection.executor.live)
    }

    var codec: MessageCodec { connection.codec }
    var method: String { route?.method ?? unknownPath ?? "" }
    var eventLoop: any EventLoop { connection.executor.eventLoop }

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
            let inbox = MessageInbox(window: connection.limits.initialStreamWindow) { [weak self] in
                self?.creditLater()
            }
            self.inbox = inbox
            if endStream { inbox.finish(.success(())) }
            hasStarted = true
            route.start(self, inbox: inbox)
            expectRequest(now: connection.now)
        } else if endStream {
            fail(RPCError(.internal, "the request carries no message"))
        }
    }

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
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
        let beginsMessage = deframer.isAtBoundary
        cut(bytes) { messages.append($0) }
        if beginsMessage || !messages.isEmpty { expectRequest(now: connection.now) }
        let credit = inbox.deliver(messages, received: bytes.count, held: deframer.heldBytes)
        if credit > 0 { session?.consume(credit, on: self) }
        setBuffered(inbox.waitingBytes)
    }

    private func creditLater() {
        connection.executor.perform { self.giveCredit() }
    }

    private func giveCredit() {
        guard let inbox, session != nil else { return }
        session?.consume(inbox.takeCredit(), on: self)
        setBuffered(inbox.waitingBytes)
        expectRequest(now: .now())
        connection.setNeedsFlush()
    }

    /// Gives a client that streams its requests time for the rest of a message, or for the next one.
    private func expectRequest(now: NIODeadline) {
        requestDueAt = nil
        guard !isRemoteEnded, !isFinished, let route else { return }
        let limits = connection.limits
        var wait: Duration? = route.streamsResponses ? nil : limits.requestSilenceTimeout
        if !deframer.isAtBoundary { wait = limits.requestBodyTimeout }
        guard let wait else { return }
        let due = now + TimeAmount(wait)
        requestDueAt = due
        connection.ensureWake(by: due)
    }

    private func cut(_ bytes: UnsafeRawBufferPointer, deliver: (ReceivedMessage) -> Void) {
        do {
            try deframer.receive(bytes, deliver: deliver)
        } catch {
            fail(codec.error(error))
        }
    }

    func setBuffered(_ count: Int) {
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
            guard let span else { return try route.start(self, request: request) }
            span.didReceive(request: request.bytes)
            try span.starting { try route.start(self, request: request) }
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
            // What waits for its handler came in time; when the handler has taken it, the next wait begins.
            if inbox?.hasMessages == true { return }
            fail(RPCError(.deadlineExceeded, "the request did not arrive in time"))
        }
    }
}
