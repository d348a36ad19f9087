import NIOCore
import Synchronization

/// One call of a client: the request to send, what has come back, and whoever waits for it.
///
/// Made by the caller's task and then handed to the loop of a slot; from then on confined to that loop, except for the
/// inbox and the gate, which lock for themselves, `results` under its Mutex, and what is immutable.
// Unchecked: see above.
final class ClientCall: HTTP2Stream, @unchecked Sendable {
    /// What the caller may look at from any thread.
    struct Results {
        var initialMetadata: RPCMetadata?
        var trailingMetadata: RPCMetadata?
    }

    let head: HeaderBlock
    let isGzip: Bool
    let waitForReady: Bool
    let deadlineAt: NIODeadline?
    let results = Mutex(Results())
    private let client: RPCClient
    /// The slot that the call was last given to; it changes only on that slot's loop.
    private let home: Mutex<ClientSlot>
    /// The slot that counts the call, from when it takes it until the call leaves.
    var slot: ClientSlot?
    var connection: ClientConnection?
    /// Received bytes that wait for the reader.
    var bufferedBytes = 0
    /// Framed messages to send with the headers.
    private var firstMessages: [[UInt8]] = []
    /// For unary calls: who waits.
    private var continuation: UnsafeContinuation<ReceivedMessage, any Error>?
    /// For response streams: where the messages go.
    private(set) var inbox: MessageInbox?
    /// For request streams: what makes the writer wait.
    private(set) var gate: WriteGate?
    private var isRequestEnded: Bool
    private var deframer: MessageDeframer
    private let limits: (message: Int, metadata: Int)
    private var response = ResponseHead()
    private var trailers = ResponseHead()
    private var hasResponse = false
    private var message: ReceivedMessage?
    private var retriesLeft: Int
    private(set) var isComplete = false
    private var isSubmitted = false
    private var earlyFailure: RPCError?

    init(_ request: ClientRequest, client: RPCClient, slot: ClientSlot) {
        head = request.head
        isGzip = request.isGzip
        waitForReady = request.waitForReady
        deadlineAt = request.deadlineAt
        limits = (request.maxReceiveMessageBytes, request.maxMetadataBytes)
        // A request stream's messages aren't kept, and their writer knows only the first slot.
        retriesLeft = request.streamsRequests ? 0 : request.maxTransparentRetries
        deframer = MessageDeframer(limit: request.maxReceiveMessageBytes)
        firstMessages = request.message.map { [$0] } ?? []
        isRequestEnded = !request.streamsRequests
        self.client = client
        home = Mutex(slot)
        super.init(live: slot.executor.live)
        if request.streamsRequests {
            gate = WriteGate(limit: request.maxQueuedStreamBytes, connection: .unlimited)
            reportsProgress = true
        }
        if request.streamsResponses {
            inbox = MessageInbox(window: request.initialStreamWindow) { [weak self] in self?.creditLater() }
        }
    }

    /// Sets who waits for a unary call; before it is handed over.
    func setWaiter(_ continuation: UnsafeContinuation<ReceivedMessage, any Error>) { self.continuation = continuation }

    // MARK: From any thread

    /// Hands the call to its slot.
    func submit() { home.withLock { $0 }.submit(self) }

    /// Runs `action` on the call's loop.
    func onLoop(_ action: @escaping @Sendable () -> Void) {
        let slot = home.withLock { $0 }
        slot.executor.perform {
            // The call may have moved meanwhile, but not from now on, as it moves only on this loop.
            if self.home.withLock({ $0 === slot }) { action() } else { self.onLoop(action) }
        }
    }

    /// Gives the call up, unless it is over.
    func cancel(_ error: RPCError) { onLoop { self.abort(error) } }

    // MARK: On the loop: sending

    /// Opens the stream on `connection`.
    func start(on connection: ClientConnection, _ session: HTTP2Session) {
        self.connection = connection
        guard session.submitRequest(head, on: self) else {
            return didClose(errorCode: HTTP2ErrorCode.refusedStream)
        }
        for message in firstMessages { enqueue(message) }
        if isRequestEnded { finish(.endStream) }
    }

    /// Sends one message of a request stream.
    func send(_ framed: [UInt8]) {
        guard !isComplete else { return }
        guard session != nil else { return firstMessages.append(framed) }
        hasStreamed = true
        enqueue(framed)
        connection?.setNeedsFlush()
    }

    /// Whether messages went out that aren't kept for a repeat.
    private var hasStreamed = false

    func endRequest() {
        guard !isRequestEnded else { return }
        isRequestEnded = true
        guard session != nil else { return }
        finish(.endStream)
        connection?.setNeedsFlush()
    }

    // MARK: On the loop: receiving

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    func receiveHeader(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        if hasResponse {
            trailers.add(name, value, limit: limits.metadata)
        } else {
            response.add(name, value, limit: limits.metadata)
        }
    }

    func headersDidEnd(endStream: Bool) {
        guard !isComplete else { return }
        if hasResponse { return trailersDidEnd() }
        if let status = response.httpStatus, (100..<200).contains(status) {
            response = ResponseHead()
            return
        }
        hasResponse = true
        if let refusal = response.refusal(limit: limits.metadata) { return abort(refusal) }
        if endStream {
            trailers = response
            trailersDidEnd()
        } else {
            let metadata = response.metadata
            results.withLock { $0.initialMetadata = metadata }
        }
    }

    private func trailersDidEnd() {
        guard trailers.size <= limits.metadata else {
            return abort(RPCError(.resourceExhausted, "response trailers exceed the limit of \(limits.metadata) bytes"))
        }
        let metadata = trailers.metadata
        results.withLock { $0.trailingMetadata = metadata }
        if !isRequestEnded { session?.reset(id, HTTP2ErrorCode.cancel) }
        complete(trailers.failure)
    }

    func receive(_ bytes: UnsafeRawBufferPointer) {
        guard !isComplete else {
            session?.consume(bytes.count, on: self)
            return
        }
        var messages: [ReceivedMessage] = []
        do {
            try deframer.receive(bytes) { messages.append($0) }
        } catch {
            return abort(MessageCodec(role: "response", limit: limits.message).error(error))
        }
        if response.encoding != .gzip, messages.contains(where: \.isCompressed) {
            return abort(RPCError(.internal, "a response has its compressed flag set, but no grpc-encoding"))
        }
        if let inbox {
            let credit = inbox.deliver(messages, received: bytes.count, held: deframer.heldBytes)
            if credit > 0 { session?.consume(credit, on: self) }
            setBuffered(inbox.waitingBytes)
            return
        }
        session?.consume(bytes.count, on: self)
        guard messages.count + (message == nil ? 0 : 1) <= 1 else {
            return abort(RPCError(.internal, "the response carries more than one message"))
        }
        if let first = messages.first { message = first }
    }

    private func creditLater() {
        slot?.executor.perform { self.giveCredit() }
    }

    private func giveCredit() {
        guard let inbox, let session else { return }
        session.consume(inbox.takeCredit(), on: self)
        setBuffered(inbox.waitingBytes)
        connection?.setNeedsFlush()
    }

    private func setBuffered(_ count: Int) {
        connection?.bufferedBytes += count - bufferedBytes
        bufferedBytes = count
    }

    // MARK: On the loop: the end

    /// A slot has taken the call, so that whoever waits for it is known; fails it if it was given up before.
    func didSubmit() {
        isSubmitted = true
        if let earlyFailure { complete(earlyFailure) }
    }

    /// Gives the call up: tells the server, and fails it with `error`.
    func abort(_ error: RPCError) {
        guard !isComplete else { return }
        guard isSubmitted else {
            // The caller was cancelled before it had said that it waits.
            earlyFailure = error
            return
        }
        if let session {
            session.reset(id, HTTP2ErrorCode.cancel)
            discardQueue()
            connection?.setNeedsFlush()
        }
        complete(error)
    }

    /// The stream is over in the session; `errorCode` is HTTP/2's.
    func didClose(errorCode: UInt32) {
        defer { leave() }
        guard !isComplete else { return }
        let isRefused = errorCode == HTTP2ErrorCode.refusedStream
        if isRefused, !hasResponse, !hasStreamed, retriesLeft > 0 {
            retriesLeft -= 1
            leave()
            resetForRepeat()
            let slot = client.pick()
            home.withLock { $0 = slot }
            return slot.submit(self)
        }
        if errorCode == HTTP2ErrorCode.noError {
            return complete(RPCError(.internal, "the response ended without a status"))
        }
        complete(
            RPCError(
                .forHTTP2Error(errorCode), "the server reset the stream with \(HTTP2ErrorCode.name(errorCode))",
                wasNotProcessed: isRefused && !hasResponse))
    }

    /// The connection is gone.
    func didLoseConnection(_ reason: String) {
        defer { leave() }
        complete(RPCError(.unavailable, "the connection was lost: \(reason)"))
    }

    /// Is no longer the slot's; may be told twice.
    func leave() {
        setBuffered(0)
        slot?.callDidLeave()
        slot = nil
        connection = nil
    }

    private func resetForRepeat() {
        id = 0
        isRemoteEnded = false
        resetOutgoing()
    }

    /// Hands the outcome to whoever waits, once.
    func complete(_ failure: RPCError?) {
        guard !isComplete else { return }
        isComplete = true
        if session == nil { leave() }
        gate?.close(failure ?? RPCError(.cancelled, "the call is over"))
        if let inbox { inbox.finish(failure.map { .failure($0) } ?? .success(())) }
        guard let continuation else { return }
        self.continuation = nil
        if let failure {
            continuation.resume(throwing: failure)
        } else if let message {
            continuation.resume(returning: message)
        } else {
            continuation.resume(throwing: RPCError(.internal, "the response carries no message"))
        }
    }

    /// Fails the call if its time is up; with `failure` if that says more.
    func checkDeadline(now: NIODeadline, failure: RPCError? = nil) {
        guard let deadlineAt, deadlineAt <= now else { return }
        abort(failure ?? RPCError(.deadlineExceeded, "the call's deadline has passed"))
    }
}

/// What is needed to make a call, decided in the caller's task.
struct ClientRequest {
    var head: HeaderBlock
    var message: [UInt8]?
    var isGzip: Bool
    var waitForReady: Bool
    var deadlineAt: NIODeadline?
    var streamsRequests: Bool
    var streamsResponses: Bool
    var maxReceiveMessageBytes: Int
    var maxMetadataBytes: Int
    var maxQueuedStreamBytes: Int
    var initialStreamWindow: Int
    var maxTransparentRetries: Int
}
