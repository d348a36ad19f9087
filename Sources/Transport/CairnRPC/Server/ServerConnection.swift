import Logging
import NIOCore
import NIOSSL
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
    let metrics: RPCServerMetrics
    let tracer: (any RPCCallTracer)?
    let wallClock: @Sendable () -> Int64
    let refusedHandshakes = LineLimit()
}

/// A client's connection to a server: brings calls to their handlers, and drains.
// Unchecked: as the base class; what handlers read from other threads is immutable or under the Mutex.
final class ServerConnection: HTTP2Connection, @unchecked Sendable {
    let shared: ServerShared
    let codec: MessageCodec
    var limits: RPCLimits { shared.limits }
    var interceptors: [any RPCServerInterceptor] { shared.interceptors }
    var compressionThreshold: Int? { shared.compressionThreshold }
    var floods: FloodGuard
    private(set) var isDraining = false
    private var isDrainFinished = false
    /// Calls that are ready to start, and wait for room to answer.
    private var waitingStarts: [(call: ServerStream, start: () -> Void)] = []
    /// Requests so far, and how much of the traffic is in `floods`.
    var requestCount = 0
    var earnedTurns = 0
    /// Whether TLS isn't up yet.
    var awaitsHandshake = false
    /// When the client's certificate ends, in seconds since 1970, and the next look at the time.
    var certificateEnds: Int64?
    var certificateCheck: Scheduled<Void>?
    /// Why the connection drains.
    private(set) var drainReason = "the server is shutting down"
    private let peer = Mutex<(address: RPCAddress?, certificate: [UInt8]?)>((nil, nil))

    init(shared: ServerShared, executor: LoopExecutor) {
        self.shared = shared
        codec = MessageCodec(role: "request", limit: shared.limits.maxReceiveMessageBytes)
        floods = FloodGuard(shared.limits, now: .now())
        super.init(executor: executor, limits: shared.limits, keepalive: shared.keepalive)
    }

    private let memory = Mutex<(any AnyObject & Sendable)?>(nil)

    /// What a handler or an interceptor keeps with the connection.
    var remembered: (any AnyObject & Sendable)? {
        get { memory.withLock { $0 } }
        set { memory.withLock { $0 = newValue } }
    }

    var peerAddress: RPCAddress? { peer.withLock { $0.address } }
    var peerCertificate: [UInt8]? { peer.withLock { $0.certificate } }

    override func makeSession() -> HTTP2Session {
        var settings = HTTP2Session.Settings(
            isServer: true, maxConcurrentStreams: limits.maxConcurrentStreams,
            initialStreamWindow: limits.initialStreamWindow, connectionWindow: limits.connectionWindow,
            maxHeaderListBytes: limits.maxMetadataBytes)
        // What is refused counts in nghttp2 until the refusal is sent; our own limit on refusals comes first.
        settings.maxAcceptedStreams = limits.maxConcurrentStreams + 2 * limits.refusals.burst
        settings.maxHeaderBlockBytes = 4 * limits.maxMetadataBytes
        settings.maxSettingsEntries = limits.maxSettingsEntries
        settings.maxContinuations = limits.maxContinuations
        // Resets are counted here with the other floods; nghttp2's own limit only must not be reached first.
        settings.resetBurst = limits.resets.burst * 2
        settings.resetsPerSecond = limits.resets.perSecond * 2
        return HTTP2Session(settings, owner: self, live: executor.live)
    }

    override func didOpen() {
        let address = context?.remoteAddress.map { RPCAddress($0) }
        peer.withLock { $0.address = address }
        shared.registry.add(self)
    }

    override func didHandshake(_ context: ChannelHandlerContext) {
        let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
        let certificate = handler?.peerCertificate
        awaitsHandshake = false
        peer.withLock { $0.certificate = try? certificate?.toDERBytes() }
        certificateEnds = certificate.map { Int64($0.notValidAfter) }
        checkCertificate()
    }

    override func didFail(_ error: any Error) {
        if awaitsHandshake { handshakeDidFail(error) }
    }

    override func didTearDown(_ streams: [HTTP2Stream]) {
        waitingStarts.removeAll()
        certificateCheck?.cancel()
        certificateCheck = nil
        for case let stream as ServerStream in streams { stream.didClose() }
        shared.registry.remove(self)
    }

    override func willClose(_ reason: String) {
        shared.logger.debug("closing a connection", metadata: ["rpc.reason": "\(reason)"])
    }

    // MARK: Room

    override func didGetRoom(_ session: HTTP2Session) {
        for case let stream as ServerStream in session.streams { stream.gate?.connectionHasRoom() }
        while writeLimit.hasRoom, !waitingStarts.isEmpty { waitingStarts.removeFirst().start() }
    }

    /// Starts a handler now, or once the connection's peer has taken enough of what waits for it.
    func startWhenRoom(_ call: ServerStream, _ start: @escaping () -> Void) {
        if writeLimit.hasRoom { start() } else { waitingStarts.append((call, start)) }
    }

    /// Forgets a call that is over before it could start, and with it the request that it holds.
    func forgetStart(of call: ServerStream) {
        if !waitingStarts.isEmpty { waitingStarts.removeAll { $0.call === call } }
    }

    // MARK: Time

    override func perform(_ action: ConnectionTimers.Action, _ session: HTTP2Session) {
        switch action {
        case .ping:
            session.ping()
            setNeedsFlush()
        case .drain: drain()
        case .finishDrain: finishDrain()
        case .close(let reason): closeNow(reason)
        }
    }

    override func checkTimes(_ stream: HTTP2Stream) -> NIODeadline? {
        guard let stream = stream as? ServerStream else { return nil }
        stream.checkTimes(now: now)
        return [stream.deadlineAt, stream.requestDueAt].compactMap { $0 }.min()
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
        // nghttp2 puts pings first: the notice must be gone before the ping is submitted.
        flushFromLoop()
        session.ping()
        for case let stream as ServerStream in session.streams { stream.drain() }
        setNeedsFlush()
        scheduleWake()
    }

    /// Drains for another reason than that the server ends, and closes what is still open after `grace`.
    func leave(_ reason: String, grace: Duration) {
        guard session != nil, !isDraining else { return }
        drainReason = reason
        drain()
        context?.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(grace)) { [weak self] in
            self?.closeNow(reason)
        }
    }

    func finishDrain() {
        guard let session, isDraining, !isDrainFinished else { return }
        isDrainFinished = true
        timers.didFinishDrain()
        session.submitGoAway(HTTP2ErrorCode.noError)
        setNeedsFlush()
    }

    override func isDone(_ session: HTTP2Session) -> Bool {
        isDrainFinished && session.streams.isEmpty && session.queuedBytes == 0
    }

    /// Ends the connection of a client that misbehaves (RFC 9113, section 10.5).
    func enhanceYourCalm(_ reason: StaticString) {
        guard let session, !isClosing else { return }
        session.submitGoAway(HTTP2ErrorCode.enhanceYourCalm, reason)
        shared.logger.info("closing a connection that floods", metadata: ["rpc.reason": "\(reason)"])
        close(afterFlush: "\(reason)")
    }
}
