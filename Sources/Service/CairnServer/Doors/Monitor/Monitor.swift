internal import CairnModel
internal import CairnRPC
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The monitor: `/metrics`, `/livez`, `/readyz` and, if wanted, profiles over HTTP/1.1, on a listener of its own.
///
/// NIO's own HTTP handlers are enough for a few pages, and in the build already.
struct Monitor: Sendable {
    /// The address that is bound.
    let address: RPCAddress
    private let channel: any Channel
    /// The file of a unix domain socket, which goes with the monitor.
    private let file: UnixListener?

    private static let backlog: CInt = 64

    /// Binds the address, if there is one, and serves at once. Throws ``CairnRPC/RPCSetupError``.
    static func start(
        on address: RPCAddress?, metrics: MetricRegistry, readiness: Readiness, servesProfiles: Bool
    ) async throws -> Monitor? {
        guard let address else { return nil }
        let pages = MonitorPages(metrics: metrics, readiness: readiness, servesProfiles: servesProfiles)
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: .seconds(60)))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(MonitorHandler(pages: pages))
                }
            }
        do {
            switch address {
            case .hostPort(let host, let port):
                let channel = try await bootstrap.bind(host: host, port: port).get()
                let bound = RPCAddress.hostPort(host, channel.localAddress?.port ?? port)
                return Monitor(address: bound, channel: channel, file: nil)
            case .unix(let path):
                // On a thread for blocking calls, as all that touches the file is.
                let file = try await NIOThreadPool.singleton.runIfActive {
                    try UnixListener(path: path, backlog: backlog)
                }
                do {
                    let channel = try await bootstrap.withBoundSocket(file.descriptor).get()
                    return Monitor(address: address, channel: channel, file: file)
                } catch {
                    file.removeFile()
                    throw error
                }
            }
        } catch let error as RPCSetupError {
            throw error
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw RPCSetupError.addressInUse(address)
        } catch {
            throw RPCSetupError.bindFailed(address, "\(error)")
        }
    }

    /// Takes no more connections. Those that are open end by themselves.
    func stop() async {
        try? await channel.close().get()
        guard let file else { return }
        try? await NIOThreadPool.singleton.runIfActive { file.removeFile() }
    }
}

/// What the pages show.
struct MonitorPages: Sendable {
    let metrics: MetricRegistry
    let readiness: Readiness
    let servesProfiles: Bool

    func answer(to page: MonitorAnswer.Page) async -> MonitorAnswer {
        switch page {
        case .live: return .live
        case .ready: return .readiness(await readiness.problem())
        case .metrics:
            let metrics = metrics
            // On a thread for blocking calls, as it reads files of the operating system.
            let families = try? await NIOThreadPool.singleton.runIfActive { metrics.families() }
            return .metrics(families ?? [])
        case .threads, .memory, .profile:
            guard servesProfiles else { return .profilingIsOff }
            return await profile(page)
        }
    }

    /// All that reads files of the operating system is done on a thread for blocking calls.
    private func profile(_ page: MonitorAnswer.Page) async -> MonitorAnswer {
        let pool = NIOThreadPool.singleton
        switch page {
        case .memory:
            return .json((try? await pool.runIfActive { MemoryFigures.current }) ?? MemoryFigures())
        case .profile(let seconds):
            guard let before = try? await pool.runIfActive({ ThreadFigures.all }),
                (try? await Task.sleep(for: .seconds(seconds))) != nil,
                let after = try? await pool.runIfActive({ ThreadFigures.all })
            else { return .json(ThreadProfile(seconds: seconds, threads: [])) }
            return .json(ThreadProfile(from: before, to: after, seconds: seconds))
        default:
            return .json((try? await pool.runIfActive { ThreadFigures.all }) ?? [])
        }
    }
}

/// One connection to the monitor. The pipeline brings a request only when the one before is answered.
private final class MonitorHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let pages: MonitorPages
    private var head: HTTPRequestHead?
    /// Whether an answer is being made, which may take as long as a profile.
    private var isAnswering = false

    init(pages: MonitorPages) { self.pages = pages }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { isAnswering = false }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            if !isAnswering { context.close(promise: nil) }
            return
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let channel = context.channel
        isAnswering = true
        switch MonitorAnswer.page(method: head.method.rawValue, uri: head.uri) {
        case .failure(let refusal): MonitorHandler.write(refusal.answer, to: head, on: channel)
        case .success(let page):
            let pages = pages
            // Unstructured: the connection outlives it, and an answer to one that is gone is dropped by NIO.
            Task { MonitorHandler.write(await pages.answer(to: page), to: head, on: channel) }
        }
    }

    private static func write(_ answer: MonitorAnswer, to request: HTTPRequestHead, on channel: any Channel) {
        let body = ByteBuffer(string: answer.body)
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: answer.contentType)
        headers.add(name: "content-length", value: String(body.readableBytes))
        headers.add(name: "cache-control", value: "no-store")
        if !request.isKeepAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(
            version: request.version, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        if request.method != .HEAD { channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil) }
        let isDone = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        if !request.isKeepAlive { isDone.whenComplete { _ in channel.close(promise: nil) } }
    }
}
