import NIOCore
import NIOSSL

/// A client's connection to a server.
// Unchecked: as the base class.
final class ClientConnection: HTTP2Connection, @unchecked Sendable {
    private let slot: ClientSlot
    private let configuration: RPCClientConfiguration
    private var lostBecause = "closed by the server"
    private var isGoingAway = false
    private var hasSettings = false
    /// Whose certificate the server must show, over TLS.
    var serverName: PeerName?

    init(slot: ClientSlot, configuration: RPCClientConfiguration) {
        self.slot = slot
        self.configuration = configuration
        var limits = RPCLimits()
        limits.handshakeTimeout = configuration.connectTimeout
        limits.connectionWindow = configuration.connectionWindow
        limits.maxBufferedRequestBytes = .max
        limits.maxQueuedConnectionBytes = .max
        var keepalive = RPCServerConfiguration.Keepalive()
        keepalive.interval = configuration.keepaliveInterval
        keepalive.timeout = configuration.keepaliveTimeout
        super.init(executor: slot.executor, limits: limits, keepalive: keepalive)
    }

    override func makeSession() -> HTTP2Session {
        HTTP2Session(
            HTTP2Session.Settings(
                isServer: false, maxConcurrentStreams: 0, initialStreamWindow: configuration.initialStreamWindow,
                connectionWindow: configuration.connectionWindow, maxHeaderListBytes: configuration.maxMetadataBytes),
            owner: self, live: executor.live)
    }

    override func didHandshake(_ context: ChannelHandlerContext) {
        guard let serverName else { return }
        let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
        if let words = serverName.refusal(of: handler?.peerCertificate) { closeNow(words) }
    }

    /// Whether a call may be started now.
    var mayStart: Bool {
        guard let session, hasSettings, !isGoingAway, !isClosing, session.mayOpenStream else { return false }
        return session.streams.count < session.peerMaxConcurrentStreams
    }

    /// Whether it takes no new calls for good.
    var isLeaving: Bool { isGoingAway || isClosing || session == nil }

    /// Starts a call; ``mayStart`` must hold.
    func start(_ call: ClientCall) {
        guard let session else { return }
        call.start(on: self, session)
        if let deadline = call.deadlineAt { ensureWake(by: deadline) }
        setNeedsFlush()
    }

    /// Takes no more calls, and closes after the last one.
    func goAway() {
        guard !isGoingAway else { return }
        isGoingAway = true
        slot.connectionIsLeaving(self)
        setNeedsFlush()
    }

    override func isDone(_ session: HTTP2Session) -> Bool { isGoingAway && session.streams.isEmpty }

    override func willClose(_ reason: String) { lostBecause = reason }

    override func didTearDown(_ streams: [HTTP2Stream]) {
        isGoingAway = true
        for case let call as ClientCall in streams { call.didLoseConnection(lostBecause) }
        slot.connectionDidEnd(self, lostBecause)
    }

    override func perform(_ action: ConnectionTimers.Action, _ session: HTTP2Session) {
        switch action {
        case .ping where session.streams.isEmpty && !configuration.keepaliveWithoutCalls: timers.didRead(now: now)
        case .ping:
            session.ping()
            setNeedsFlush()
        case .close(let reason): closeNow(reason)
        case .drain, .finishDrain: break
        }
    }

    override func checkTimes(_ stream: HTTP2Stream) -> NIODeadline? {
        guard let call = stream as? ClientCall, !call.isComplete else { return nil }
        call.checkDeadline(now: now)
        return call.isComplete ? nil : call.deadlineAt
    }
}

extension ClientConnection: HTTP2SessionOwner {
    /// Servers can't open streams: push is off.
    func makeStream(id: Int32) -> HTTP2Stream? { nil }

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    func didReceiveHeader(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, on stream: HTTP2Stream
    ) {
        stream.asClientCall.receiveHeader(name, value)
    }

    func didReceiveHeaders(on stream: HTTP2Stream, endStream: Bool) {
        stream.asClientCall.headersDidEnd(endStream: endStream)
    }

    func didReceiveData(_ bytes: UnsafeRawBufferPointer, on stream: HTTP2Stream, endStream: Bool) {
        didReceiveBytes(bytes.count)
        stream.asClientCall.receive(bytes)
    }

    func didReceiveEnd(on stream: HTTP2Stream) {}

    func didClose(_ stream: HTTP2Stream, errorCode: UInt32) {
        stream.asClientCall.didClose(errorCode: errorCode)
        if isLeaving { setNeedsFlush() } else { slot.connectionHasRoom() }
    }

    func didReceiveControl(_ frame: HTTP2ControlFrame) {
        switch frame {
        case .settings:
            if timers.didShakeHands() { scheduleWake() }
            hasSettings = true
            slot.connectionIsReady(self)
        case .goAway(_, let errorCode):
            willClose("the server sent GOAWAY with \(HTTP2ErrorCode.name(errorCode))")
            goAway()
        // Until now the next thing due was the end of the wait for the answer.
        case .pingAck: scheduleWake()
        case .ping, .settingsAck, .reset, .emptyData, .windowUpdate, .odd, .other: break
        }
    }

    func didSendBytes(_ count: Int, on stream: HTTP2Stream) { stream.asClientCall.gate?.release(count) }
}

extension HTTP2Stream {
    /// A client's session holds only its calls.
    fileprivate var asClientCall: ClientCall { unsafeDowncast(self, to: ClientCall.self) }
}
