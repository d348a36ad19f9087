import NIOCore
import NIOTLS

/// The part of a connection that servers and clients share: bytes between the channel and the HTTP/2 session.
///
/// All frames that a read brings are handled before anything is written; what they cause, and what tasks on the loop
/// submit, is written in one go when the batch is over.
// Unchecked: confined to the channel's event loop, but for what is immutable and the write limit, which is atomic.
class HTTP2Connection: ChannelInboundHandler, LoopFlushable, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let executor: LoopExecutor
    let writeLimit: ConnectionWriteLimit
    /// The loop's time when the current batch began.
    var now = NIODeadline.now()
    var timers: ConnectionTimers
    /// Received bytes that wait for their readers.
    var bufferedBytes = 0
    private(set) var session: HTTP2Session?
    private(set) var context: ChannelHandlerContext?
    private(set) var isClosing = false
    private var hasOpened = false
    private var isTornDown = false
    private let maxBufferedBytes: Int
    private var uncredited = 0
    private var output = ByteBuffer()
    private var isFlushPending = false
    private var lastQueued = 0
    private var wake: Scheduled<Void>?
    private var wakeAt = NIODeadline.distantFuture

    init(executor: LoopExecutor, limits: RPCLimits, keepalive: RPCServerConfiguration.Keepalive) {
        self.executor = executor
        writeLimit = ConnectionWriteLimit(limit: limits.maxQueuedConnectionBytes)
        maxBufferedBytes = limits.maxBufferedRequestBytes
        timers = ConnectionTimers(limits: limits, keepalive: keepalive, now: now)
    }

    // MARK: What a side adds

    /// The channel is open: the session to use on it.
    func makeSession() -> HTTP2Session { preconditionFailure("a subclass makes the session") }
    /// The session is ready.
    func didOpen() {}
    /// TLS is up.
    func didHandshake(_ context: ChannelHandlerContext) {}
    /// The channel has failed, and closes.
    func didFail(_ error: any Error) {}
    /// There is room on the connection again.
    func didGetRoom(_ session: HTTP2Session) {}
    /// Whether the connection has done its work and may close.
    func isDone(_ session: HTTP2Session) -> Bool { false }
    /// A timer is due.
    func perform(_ action: ConnectionTimers.Action, _ session: HTTP2Session) {}
    /// Checks the times of a stream; returns when to look again.
    func checkTimes(_ stream: HTTP2Stream) -> NIODeadline? { nil }
    /// The connection is over; `streams` were open on it.
    func didTearDown(_ streams: [HTTP2Stream]) {}
    /// Why the connection closes.
    func willClose(_ reason: String) {}

    // MARK: The channel

    final func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { open() }
    }

    final func channelActive(context: ChannelHandlerContext) {
        open()
        context.fireChannelActive()
    }

    private func open() {
        guard !hasOpened else { return }
        hasOpened = true
        // It may have been given up while it connected.
        guard !isClosing else { return context?.close(promise: nil) ?? () }
        session = makeSession()
        didOpen()
        setNeedsFlush()
        scheduleWake()
    }

    final func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session, !isClosing else { return }
        executor.beginBatch()
        now = .now()
        timers.didRead(now: now)
        // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
        let failure = unwrapInboundIn(data).withUnsafeReadableBytes { bytes -> HTTP2SessionError? in
            do throws(HTTP2SessionError) { try session.receive(bytes) } catch { return error }
            return nil
        }
        if let failure { close(afterFlush: "the peer broke HTTP/2's rules: \(failure)") }
        setNeedsFlush()
    }

    final func channelReadComplete(context: ChannelHandlerContext) {
        if let session {
            timers.headersAreOpen(session.isReadingHeaders, now: now)
            if session.isReadingHeaders { scheduleWake() }
        }
        executor.runLocal()
        context.fireChannelReadComplete()
    }

    final func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { setNeedsFlush() }
        context.fireChannelWritabilityChanged()
    }

    final func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let negotiated):
            // HTTP/2 over TLS is agreed by ALPN (RFC 9113, section 3.2).
            if negotiated == "h2" { didHandshake(context) } else { closeNow("the peer did not negotiate h2 by ALPN") }
        case ChannelEvent.inputClosed: closeNow("the peer closed its side")
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    final func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isClosing { didFail(error) }
        closeNow(FailureWords.of(error))
    }

    final func channelInactive(context: ChannelHandlerContext) {
        tearDown()
        context.fireChannelInactive()
    }

    final func handlerRemoved(context: ChannelHandlerContext) {
        tearDown()
        self.context = nil
    }

    private func tearDown() {
        isClosing = true
        wake?.cancel()
        wake = nil
        if hasOpened, !isTornDown {
            isTornDown = true
            let session = session
            self.session = nil
            didTearDown(session?.close() ?? [])
        }
        executor.runLocal()
    }

    /// Closes without another word.
    final func closeNow(_ reason: String) {
        if !isClosing { willClose(reason) }
        isClosing = true
        context?.close(promise: nil)
    }

    /// Closes once what is submitted is written.
    final func close(afterFlush reason: String) {
        guard !isClosing else { return }
        isClosing = true
        willClose(reason)
        setNeedsFlush()
    }

    // MARK: Writing

    /// Has what is submitted written when the current batch is over.
    final func setNeedsFlush() {
        guard !isFlushPending else { return }
        isFlushPending = true
        executor.flushAtEnd(self)
    }

    final func flushFromLoop() {
        isFlushPending = false
        guard let session, let context else { return }
        creditConnection(session)
        let queuedBefore = session.queuedBytes
        var isMore = true
        while isMore, context.channel.isWritable {
            do throws(HTTP2SessionError) {
                isMore = try session.send(into: &output, limit: 256 * 1024)
            } catch {
                return closeNow("\(error)")
            }
            if !isMore { isMore = session.resetUnread() }
            guard output.readableBytes > 0 else { continue }
            context.writeAndFlush(wrapOutboundOut(output), promise: nil)
            output.clear()
        }
        didFlush(session, moved: session.queuedBytes < queuedBefore)
        if isClosing || session.isFinished || isDone(session) { context.close(promise: nil) }
    }

    private func didFlush(_ session: HTTP2Session, moved: Bool) {
        session.reportProgress()
        if session.queuedBytes > 0 || lastQueued > 0 {
            lastQueued = session.queuedBytes
            timers.writes(areWaiting: lastQueued > 0, moved: moved, now: .now())
            if lastQueued > 0 { scheduleWake() }
        }
        if writeLimit.update(session.queuedBytes) { didGetRoom(session) }
    }

    /// Notes received DATA bytes, which the connection's window gets back at the next flush.
    ///
    /// The connection's window is returned before the streams' readers took the bytes, so that one slow reader doesn't
    /// hold up the other streams; only when very much waits it isn't.
    final func didReceiveBytes(_ count: Int) { uncredited += count }

    private func creditConnection(_ session: HTTP2Session) {
        guard uncredited > 0, bufferedBytes <= maxBufferedBytes else { return }
        session.consumeConnection(uncredited)
        uncredited = 0
    }

    // MARK: Time

    /// Makes sure that the timers are looked at when something may be due.
    final func scheduleWake() {
        if let next = timers.nextWake { ensureWake(by: next) }
    }

    final func ensureWake(by time: NIODeadline) {
        guard time < wakeAt, let context, !isClosing else { return }
        wake?.cancel()
        wakeAt = time
        wake = context.eventLoop.assumeIsolated().scheduleTask(deadline: time) { self.onWake() }
    }

    private func onWake() {
        wakeAt = .distantFuture
        now = .now()
        guard let session else { return }
        for action in timers.due(now: now) { perform(action, session) }
        var next = timers.nextWake ?? .distantFuture
        for stream in session.streams { next = min(next, checkTimes(stream) ?? next) }
        if next < .distantFuture { ensureWake(by: next) }
    }
}
