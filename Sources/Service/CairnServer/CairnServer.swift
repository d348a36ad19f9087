public import CairnModel
public import CairnRPC
package import CairnSecurity
internal import Foundation
public import Logging
internal import Metrics
public import ServiceLifecycle

/// A server: a store behind its doors.
public struct CairnServer: Service {
    /// What a server needs to know.
    public struct Configuration: Sendable {
        /// Where gRPC listens, and its limits.
        public var grpc: RPCServerConfiguration
        /// Where `/metrics`, `/livez` and `/readyz` are served over HTTP; nowhere if `nil`.
        public var monitor: RPCAddress?
        /// Where calls are counted, and what `/metrics` and `Stats` tell of. The store's own metrics are in it if the
        /// store was opened with the same registry.
        public var metrics = MetricRegistry()
        /// Whether the monitor serves `/debug/threads`, `/debug/memory` and `/debug/profile`.
        public var servesProfiles = false
        /// Who is told of calls, such as a ``TraceExporter``; nobody if `nil`.
        public var tracer: (any Tracer)?
        /// How long calls under way may take to end when the server stops.
        public var drainTime: Duration = .seconds(10)
        /// Where a backup is put together before it is sent; the system's temporary directory if `nil`.
        public var backupDirectory: String?
        /// Whether writes are refused from the start; see ``CairnServer/isReadOnly``.
        public var isReadOnly = false
        /// Who makes the store's snapshots, if it has any.
        public var snapshots: (any SnapshotMaker)?
        /// Who may call; by default anybody, but for what changes the server itself, which nobody may.
        package var access = AccessControl()
        /// Who prunes the store's keys, if anybody can.
        public var pruner: (any KeyPruner)?
        /// Who counts how keys are used, if anybody does.
        public var keyMetrics: (any KeyMetricsSource)?

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
    private let monitor: Monitor?
    private let readiness: Readiness
    private let writes: WriteSwitch
    private let stopRequest = StopRequest()
    private let drainTime: Duration
    private let logger: Logger

    /// Binds the addresses and serves at once. The store stays the caller's to close, after ``run()``.
    ///
    /// Throws ``CairnRPC/RPCSetupError``, naming the address or file.
    public init(store: any Store, configuration: Configuration, logger: Logger) async throws {
        let writes = WriteSwitch()
        writes.isReadOnly = configuration.isReadOnly
        self.writes = writes
        let metrics = configuration.metrics
        let clients = ClientRegistry()
        readiness = Readiness(store: store)
        door = GRPCDoor(
            store: writes.guarding(store, noting: clients), configuration: configuration, writes: writes,
            clients: clients, stopRequest: stopRequest, logger: logger)
        var grpc = configuration.grpc
        grpc.metrics = metrics
        grpc.tracer = configuration.tracer.map { CallTracing($0) }
        let server = try await RPCServer.start(router: door.router, configuration: grpc, logger: logger)
        self.server = server
        do {
            monitor = try await Monitor.start(
                on: configuration.monitor, metrics: metrics, readiness: readiness,
                servesProfiles: configuration.servesProfiles)
        } catch {
            await server.shutdownGracefully(deadline: .zero)
            throw error
        }
        drainTime = configuration.drainTime
        self.logger = logger
        metrics.addCollector { [writes] in
            let readOnly = "cairn_read_only"
            let value = writes.isReadOnly ? 1.0 : 0
            return ProcessMetrics.families() + [
                MetricFamily(readOnly, help: MetricTable.help(of: readOnly), .gauge, value), .cairnInfo,
            ] + [MetricFamily].ofCertificates(of: server)
        }
    }

    /// The addresses that are bound, with the ports that were chosen.
    public var addresses: [RPCAddress] { server.addresses }

    /// Where the monitor listens, with the port that was chosen; `nil` without one.
    public var monitorAddress: RPCAddress? { monitor?.address }

    /// Serves new connections with these certificates; see ``CairnRPC/RPCServer/replace(tls:)``. Reads files, so it
    /// blocks.
    public func replace(tls: RPCServerTLS) throws(RPCSetupError) { try server.replace(tls: tls) }

    /// Whether writes are refused with ``CairnModel/StoreError/Code/readOnly``. Reads and streams go on, and so does
    /// what the store does by itself, such as to expire leases. A write that has begun is not undone.
    public var isReadOnly: Bool {
        get { writes.isReadOnly }
        nonmutating set { writes.isReadOnly = newValue }
    }

    /// Serves until graceful shutdown, cancellation, or a call of `Shutdown`; then ends the streams, lets calls finish,
    /// and returns. In a service group, say that its return shuts the group down.
    public func run() async {
        let stopRequest = stopRequest
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await gracefulShutdown() }
            group.addTask { await stopRequest.wait() }
            await group.next()
            group.cancelAll()
        }
        await stop()
    }

    /// Stops: not ready any more, no new calls, streams end with UNAVAILABLE, calls under way finish within the drain
    /// time. The monitor tells until the end.
    public func stop() async {
        readiness.stop()
        door.health.stop()
        await server.shutdownGracefully(deadline: drainTime)
        await monitor?.stop()
    }
}

extension [MetricFamily] {
    /// How long the server's own certificates are good; nothing without TLS.
    fileprivate static func ofCertificates(of server: RPCServer) -> [MetricFamily] {
        guard let ends = server.certificateEnds else { return [] }
        let name = "cairn_tls_certificate_days_left"
        let days = (Double(ends) - Date().timeIntervalSince1970) / 86_400
        return [MetricFamily(name, help: MetricTable.help(of: name), .gauge, days)]
    }
}

extension MetricFamily {
    /// What runs.
    fileprivate static var cairnInfo: MetricFamily {
        let name = "cairn_info"
        let labels = [Label(name: "version", value: cairnVersion)]
        return MetricFamily(name, help: MetricTable.help(of: name), .gauge, [Series(labels: labels, value: .number(1))])
    }
}
