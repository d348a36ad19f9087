public import CairnModel
public import CairnRPC
public import Logging
public import ServiceLifecycle

/// A server: a store behind its doors.
public struct CairnServer: Service {
    /// What a server needs to know.
    public struct Configuration: Sendable {
        /// Where gRPC listens, and its limits.
        public var grpc: RPCServerConfiguration
        /// How long calls under way may take to end when the server stops.
        public var drainTime: Duration = .seconds(10)
        /// Where a backup is put together before it is sent; the system's temporary directory if `nil`.
        public var backupDirectory: String?
        /// Who makes the store's snapshots, if it has any.
        public var snapshots: (any SnapshotMaker)?

        /// A server that listens as `grpc` says. Its message limit is raised so that every transaction within
        /// `limits` fits.
        public init(grpc: RPCServerConfiguration, limits: Limits = .standard) {
            self.grpc = grpc
            // Room for the fields besides keys and values.
            self.grpc.limits.maxReceiveMessageBytes = max(
                grpc.limits.maxReceiveMessageBytes, limits.transactionBytes + (1 << 20))
        }
    }

    private let door: GRPCDoor
    private let server: RPCServer
    private let drainTime: Duration
    private let logger: Logger

    /// Binds the addresses and serves at once. The store stays the caller's to close, after ``run()``.
    ///
    /// Throws ``CairnRPC/RPCSetupError``, naming the address or file.
    public init(store: any Store, configuration: Configuration, logger: Logger) async throws {
        door = GRPCDoor(store: store, configuration: configuration, logger: logger)
        server = try await RPCServer.start(router: door.router, configuration: configuration.grpc, logger: logger)
        drainTime = configuration.drainTime
        self.logger = logger
    }

    /// The addresses that are bound, with the ports that were chosen.
    public var addresses: [RPCAddress] { server.addresses }

    /// Serves until graceful shutdown or cancellation; then ends the streams, lets calls finish, and returns.
    public func run() async {
        try? await gracefulShutdown()
        await stop()
    }

    /// Stops: no new calls, streams end with UNAVAILABLE, calls under way finish within the drain time.
    public func stop() async {
        door.health.stop()
        await server.shutdownGracefully(deadline: drainTime)
    }
}
