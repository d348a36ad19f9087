import Logging
import NIOCore
import NIOSSL
import NIOTLS
import Synchronization

/// What all connections of a server share.
struct ServerShared: Sendable {
    let routes: PathTable<Route>
    let interceptors: [any RPCServerInterceptor]
    let limits: RPCLimits
    let keepalive: RPCServerConfiguration.Keepalive
    let compressionThreshold: Int?
    let maxDeadline: Duration?
    let logger: Logger
    let registry: ConnectionRegistry
}

/// A client's connection: moves bytes between the channel and the HTTP/2 session, and calls to their handlers.
///
/// All frames that a read brings are handled before anything is written, and what they cause is written in one go
/// when the read is complete.
// Unchecked: confined to the channel's event loop, but for what is immutable and the write limit, which is atomic.
final class ServerConnection: ChannelInboundHandler, LoopFlushable, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let shared: ServerShared
    let executor: LoopExecutor
    let writeLimit: ConnectionWriteLimit
    let codec: MessageCodec
    var limits: RPCLimits { shared.limits }
    var interceptors: [any RPCServerInterceptor] { shared.interceptors }
    var compressionThreshold: Int? { shared.compressionThreshold }
    private let peer = Mutex<(address: SocketAddress?, certificate: [UInt8]?)>((nil, nil))

    /// Received bytes that wait for handlers.
    var bufferedBytes = 0
    var now = NIODeadline.now()
    var timers: ConnectionTimers
    var floods: FloodGuard
    var session: HTTP2Session?
    var isDraining = false
    private var uncredited = 0
    private var context: ChannelHandlerContext?
    private var output = ByteBuffer()
    private var isFlushPending = false
    private var isClosing = false
    private var lastQueued = 0
    private var wake: Scheduled<Void>?
    private var wakeAt = NIODeadline.distantFuture
    private var waitingStarts = CircularBuffer<() -> Void>(initialCapacity: 0)

    init(shared: ServerShared, executor: LoopExecutor) {
        self.shared = shared
        self.executor = executor
        writeLimit = ConnectionWriteLimit(limit: shared.limits.maxQueuedConnectionBytes)
        codec = MessageCodec(role: "request", limit: shared.limits.maxReceiveMessageBytes)
        timers = ConnectionTimers(limits: shared.limits, keepalive: shared.keepalive, now: now)
        floods = FloodGuard(shared.limits, now: now)
    }

    var peerAddress: SocketAddress? { peer.withLock { $0.address } }
    var peerCertificate: [UInt8]? { peer.withLock { $0.certificate } }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { open(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        open(context)
        context.fireChannelActive()
    }

    private func open(_ context: ChannelHandlerContext) {
        guard session == nil, !isClosing else { return }
        let address = context.remoteAddress
        peer.withLock { $0.address = address }
        var settings = HTTP2Session.Settings(
            isServer: true, maxConcurrentStreams: limits.maxConcurrentStreams,
            initialStreamWindow: limits.initialStreamWindow, connectionWindow: limits.connectionWindow,
            maxHeaderListBytes: limits.maxMetadataBytes)
        settings.maxSettingsEntries = limits.maxSettingsEntries
        settings.maxContinuations = limits.maxContinuations
        // Resets are counted here with the other floods; nghttp2's own limit only must not be lower.
        settings.resetBurst = limits.resets.burst + 1
        settings.resetsPerSecond = limits.resets.perSecond + 1
        session = HTTP2Session(settings, owner: self)
        shared.registry.add(self)
        setNeedsFlush()
        scheduleWake()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session, !isClosing else { return }
        executor.beginBatch()
        now = .now()
        timers.didRead(now: now)
        let bytes = unwrapInboundIn(data)
        do throws(HTTP2SessionError) {
            let failure = bytes.withUnsafeReadableBytes { bytes -> HTTP2SessionError? in
                do throws(HTTP2SessionError) { try session.receive(bytes) } catch { return error }
                return nil
            }
            if let failure { throw failure }
        } catch {
            shared.logger.debug("a connection broke HTTP/2's rules", metadata: ["rpc.reason": "\(error)"])
            isClosing = true
        }
        setNeedsFlush()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if let session {
            timers.headersAreOpen(session.headerStream != nil, now: now)
            scheduleWake()
        }
        executor.runLocal()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { setNeedsFlush() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let negotiated):
            guard negotiated == "h2" else {
                closeNow("the client did not negotiate h2 by ALPN")
                return
            }
            let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
            let certificate = try? handler?.peerCertificate?.toDERBytes()
            peer.withLock { $0.certificate = certificate }
        case ChannelEvent.inputClosed:
            // HTTP/2 has no use for half a connection.
            closeNow("the client closed its side")
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { closeNow("\(error)") }

    func channelInactive(context: ChannelHandlerContext) {
        tearDown()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        tearDown()
        self.context = nil
    }

    private func tearDown() {
        isClosing = true
        wake?.cancel()
        wake = nil
        waitingStarts.removeAll()
        if let session {
            self.session = nil
            for case let stream as ServerStream in session.close() { stream.didClose() }
            shared.registry.remove(self)
        }
        executor.runLocal()
    }

    func closeNow(_ reason: String) {
        guard !isClosing || context?.channel.isActive == true else { return }
        isClosing = true
        shared.logger.debug("closing a connection", metadata: ["rpc.reason": "\(reason)"])
        context?.close(promise: nil)
    }

    // MARK: Writing

    /// Has what is submitted written when the current batch is over.
    func setNeedsFlush() {
        guard !isFlushPending else { return }
        isFlushPending = true
        executor.flushAtEnd(self)
    }

    func flushFromLoop() {
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
            guard output.readableBytes > 0 else { break }
            context.writeAndFlush(wrapOutboundOut(output), promise: nil)
            output.clear()
        }
        didFlush(session, moved: session.queuedBytes < queuedBefore)
        if isClosing || session.isFinished || drainIsComplete(session) { context.close(promise: nil) }
    }

    private func didFlush(_ session: HTTP2Session, moved: Bool) {
        session.reportProgress()
        if session.queuedBytes != lastQueued || lastQueued > 0 {
            lastQueued = session.queuedBytes
            timers.writes(areWaiting: lastQueued > 0, moved: moved, now: moved ? .now() : now)
            if lastQueued > 0 { scheduleWake() }
        }
        guard writeLimit.update(session.queuedBytes) else { return }
        for case let stream as ServerStream in session.streams { stream.gate?.connectionHasRoom() }
        while writeLimit.hasRoom, let start = waitingStarts.popFirst() { start() }
    }

    /// Starts a handler now, or once the connection's peer has taken enough of what waits for it.
    func startWhenRoom(_ start: @escaping () -> Void) {
        if writeLimit.hasRoom { start() } else { waitingStarts.append(start) }
    }

    private func creditConnection(_ session: HTTP2Session) {
        guard uncredited > 0, bufferedBytes <= limits.maxBufferedRequestBytes else { return }
        session.consumeConnection(uncredited)
        uncredited = 0
    }

    // MARK: Time

    /// Makes sure that ``onWake()`` runs when something may be due.
    func scheduleWake() {
        if let next = timers.nextWake { ensureWake(by: next) }
    }

    func ensureWake(by time: NIODeadline) {
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
        for case let stream as ServerStream in session.streams {
            stream.checkTimes(now: now)
            next = min(next, stream.deadlineAt ?? next, stream.requestDueAt ?? next)
        }
        if next < .distantFuture { ensureWake(by: next) }
    }

    private func perform(_ action: ConnectionTimers.Action, _ session: HTTP2Session) {
        switch action {
        case .ping:
            session.ping()
            setNeedsFlush()
        case .drain: drain()
        case .finishDrain: finishDrain()
        case .close(let reason): closeNow(reason)
        }
    }

    // MARK: Draining

    /// Asks the client to go elsewhere and lets its calls finish (RFC 9113, section 6.8).
    ///
    /// First a notice that names no last stream, so that requests on their way are still taken; when the client has
    /// answered a ping, or after a second, the GOAWAY that names it.
    func drain() {
        guard let session, !isDraining else { return }
        isDraining = true
        timers.didStartDrain(now: .now())
        session.submitShutdownNotice()
        session.ping()
        for case let stream as ServerStream in session.streams { stream.drain() }
        setNeedsFlush()
        scheduleWake()
    }

    func finishDrain() {
        guard let session, isDraining, !isDrainFinished else { return }
        isDrainFinished = true
        timers.didFinishDrain()
        session.submitGoAway(HTTP2ErrorCode.noError)
        setNeedsFlush()
    }

    private var isDrainFinished = false

    private func drainIsComplete(_ session: HTTP2Session) -> Bool {
        isDrainFinished && session.streams.isEmpty && session.queuedBytes == 0
    }

    /// Ends the connection of a client that misbehaves (RFC 9113, section 10.5).
    func enhanceYourCalm(_ reason: StaticString) {
        guard let session, !isClosing else { return }
        session.submitGoAway(HTTP2ErrorCode.enhanceYourCalm, reason)
        shared.logger.info("closing a connection that floods", metadata: ["rpc.reason": "\(reason)"])
        isClosing = true
        setNeedsFlush()
    }

    /// Notes received DATA bytes, which the connection's window gets back at the next flush.
    func didReceiveBytes(_ count: Int) { uncredited += count }
}
