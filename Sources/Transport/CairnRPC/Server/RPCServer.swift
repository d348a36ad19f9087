public import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A gRPC server: listeners, their connections, and the calls on them.
///
/// It serves from ``start(router:configuration:logger:)`` until ``shutdownGracefully(deadline:)``, which must be called
/// once before the last reference goes.
public final class RPCServer: Sendable {
    /// The addresses that are bound, in the configuration's order, with the ports that were chosen.
    public let addresses: [RPCAddress]

    private let listeners: [Listener]
    let registry: ConnectionRegistry
    let tls: ServedTLS?
    private let logger: Logger

    /// How many connections are open.
    public var connectionCount: Int { registry.count }

    private init(listeners: [Listener], registry: ConnectionRegistry, tls: ServedTLS?, logger: Logger) {
        addresses = listeners.map(\.address)
        self.listeners = listeners
        self.registry = registry
        self.tls = tls
        self.logger = logger
    }

    /// Binds every address and starts to serve.
    ///
    /// - Throws: ``RPCSetupError``, naming the address or file; nothing stays bound then.
    public static func start(
        router: RPCRouter, configuration: RPCServerConfiguration, logger: Logger
    ) async throws -> RPCServer {
        guard !configuration.addresses.isEmpty else { throw RPCSetupError.noAddress }
        let metrics = RPCServerMetrics(routes: router.routes.values, factory: configuration.metrics)
        let registry = ConnectionRegistry(limit: configuration.limits.maxConnections)
        let shared = ServerShared(
            routes: router.routes, interceptors: router.interceptors, limits: configuration.limits,
            keepalive: configuration.keepalive, compressionThreshold: configuration.compressionThreshold,
            maxDeadline: configuration.maxDeadline, logger: logger, registry: registry, metrics: metrics,
            tracer: configuration.tracer, wallClock: configuration.wallClock)
        let tls = try configuration.tls.map { (tls) throws(RPCSetupError) in try ServedTLS(tls) }
        var listeners: [Listener] = []
        do {
            for address in configuration.addresses {
                listeners.append(try await bind(address, configuration, shared, tls))
            }
        } catch {
            for listener in listeners { await listener.close() }
            throw error
        }
        return RPCServer(listeners: listeners, registry: registry, tls: tls, logger: logger)
    }

    /// A bound address, and what has to go with it.
    private struct Listener: Sendable {
        let address: RPCAddress
        let channel: any Channel
        var file: UnixListener?

        func close() async {
            try? await channel.close()
            guard let file else { return }
            // On a thread for blocking calls, as all that touches the file is.
            try? await NIOThreadPool.singleton.runIfActive { file.removeFile() }
        }
    }

    private static func bind(
        _ address: RPCAddress, _ configuration: RPCServerConfiguration, _ shared: ServerShared, _ tls: ServedTLS?
    ) async throws -> Listener {
        let loops = configuration.eventLoops
        let isTCP = if case .hostPort = address { true } else { false }
        let bootstrap = ServerBootstrap(group: loops.group)
            .serverChannelOption(.backlog, value: configuration.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.recvAllocator, value: .rpc)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 * 1024, high: 512 * 1024))
            .childChannelInitializer { channel in
                guard shared.registry.admit() else {
                    shared.metrics.connectionRefused()
                    shared.logger.info("refusing a connection: too many are open")
                    return channel.close()
                }
                shared.metrics.connectionOpened()
                channel.closeFuture.whenComplete { _ in
                    shared.metrics.connectionClosed()
                    shared.registry.release()
                }
                return channel.eventLoop.makeCompletedFuture {
                    let connection = ServerConnection(shared: shared, executor: loops.executor(for: channel.eventLoop))
                    if isTCP {
                        try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
                        if let tls {
                            connection.awaitsHandshake = true
                            let handler = NIOSSLServerHandler(context: try tls.context())
                            try channel.pipeline.syncOperations.addHandler(handler)
                        }
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        do {
            switch address {
            case .hostPort(let host, let port):
                let channel = try await bootstrap.bind(host: host, port: port).get()
                return Listener(address: .hostPort(host, channel.localAddress?.port ?? port), channel: channel)
            case .unix(let path):
                let backlog = configuration.backlog
                let file = try await NIOThreadPool.singleton.runIfActive {
                    try UnixListener(path: path, backlog: backlog)
                }
                do {
                    let channel = try await bootstrap.withBoundSocket(file.descriptor).get()
                    return Listener(address: address, channel: channel, file: file)
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
            throw RPCSetupError.bindFailed(address, FailureWords.of(error))
        }
    }

    /// Stops: no new connections, every client asked to go elsewhere, calls let finish until `deadline` has passed, and
    /// then ended. Idle connections close as soon as their client has answered a ping, or after a second.
    ///
    /// Methods registered with `endsOnDrain` end at once with UNAVAILABLE.
    public func shutdownGracefully(deadline: Duration) async {
        for listener in listeners { await listener.close() }
        registry.drain()
        let registry = registry
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await registry.waitUntilEmpty() }
            group.addTask {
                // A cancelled sleep means that all connections have closed.
                guard (try? await Task.sleep(for: deadline)) != nil else { return }
                registry.closeAll("the server's shutdown deadline has passed")
            }
            await group.next()
            group.cancelAll()
        }
        await registry.waitUntilEmpty()
    }
}
