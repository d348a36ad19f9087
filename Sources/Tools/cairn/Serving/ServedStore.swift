import Cairn
import CairnRPC
import CairnSecurity
import CairnServer
import CairnSettings
import Logging
import Metrics
import ServiceLifecycle
import UnixSignals

/// A store that is opened and served as the settings say.
enum ServedStore {
    /// Serves until a signal ends it. `sources` are read anew on SIGHUP.
    static func serve(_ settings: Settings, from sources: SettingsSources) async throws {
        let output = LogOutput(settings)
        let logger = Logger(label: "cairn") { ServerLogHandler(label: $0, output: output) }
        for warning in settings.warnings { logger.warning("\(warning.message)") }
        // What knows nothing of our registry counts there too.
        let metrics = MetricRegistry()
        MetricsSystem.bootstrap(metrics)
        let traces = try TraceSettings(settings, logger: logger)?.exporter(metrics: metrics, logger: logger)
        traces?.start()
        do {
            try await serve(settings, from: sources, output, metrics, traces, logger)
        } catch {
            await traces?.shutdown(within: TraceSettings.flushTime)
            throw error
        }
        // The last snapshot has its span, too.
        await traces?.shutdown(within: TraceSettings.flushTime)
    }

    private static func serve(
        _ settings: Settings, from sources: SettingsSources, _ output: LogOutput, _ metrics: MetricRegistry,
        _ traces: TraceExporter?, _ logger: Logger
    ) async throws {
        let addresses = try ServedAddresses(settings)
        let access = AccessControl(
            policy: try await AccessFiles.policy(settings), adminClientIDs: settings.adminClientIDSet)
        let warnings = try await TLSFiles.check(settings) + ExposureWarnings.of(settings, addresses)
        for warning in warnings { logger.warning("\(warning)") }
        let loops = settings.integer(.threads).map { RPCEventLoops(count: $0) } ?? .shared
        var options = keyspaceOptions(settings, loops: loops, metrics: metrics, logger: logger)
        options.tracer = traces
        let opened = try await OpenedStore.open(settings, options: options)
        let keyspace = opened.store
        metrics.beforeReading { keyspace.sampleMetrics() }
        do {
            var configuration = CairnServer.Configuration(
                grpc: settings.rpcConfiguration(addresses: addresses.listen, loops: loops), limits: keyspace.limits)
            if let drainTime = settings.duration(.drainTime) { configuration.drainTime = drainTime }
            configuration.backupDirectory = settings.text(.backupDirectory)
            configuration.monitor = addresses.monitor
            configuration.metrics = metrics
            configuration.tracer = traces
            configuration.servesProfiles = settings.flag(.profiling)
            configuration.isReadOnly = settings.flag(.readOnly)
            configuration.snapshots = opened.snapshotted?.snapshots
            configuration.access = access
            configuration.pruner = keyspace
            configuration.keyMetrics = keyspace
            let server = try await CairnServer(store: keyspace, configuration: configuration, logger: logger)
            let live = LiveSettings(
                settings, output: output, keyspace: keyspace, server: server, access: access, logger: logger)
            // The server also returns when a client stops it; then the rest ends, too.
            let group = ServiceGroup(
                configuration: .init(
                    services: [
                        .init(service: ReloadService(live: live, sources: sources, logger: logger)),
                        .init(
                            service: AnnouncedServer(server: server),
                            successTerminationBehavior: .gracefullyShutdownGroup),
                    ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
            try await group.run()
        } catch {
            // The snapshotter has logged what it could not keep.
            try? await opened.close()
            throw error
        }
        logger.info("stopped")
        try await opened.close()
    }

    private static func keyspaceOptions(
        _ settings: Settings, loops: RPCEventLoops, metrics: MetricRegistry, logger: Logger
    ) -> KeyspaceOptions {
        var options = KeyspaceOptions()
        options.logger = logger
        options.metrics = metrics
        options.retention = settings.retention
        options.gatherAnswers = { loops.gathering($0) }
        options.history = settings.history
        options.watchLimit = settings.integer(.maxWatches)
        if let bytes = settings.integer(.watchBuffer) { options.watchBuffer = bytes }
        if let bytes = settings.integer(.maxKeyBytes) { options.limits.keyBytes = bytes }
        if let bytes = settings.integer(.maxValueBytes) { options.limits.valueBytes = bytes }
        let locks = options.limits.lockDurations
        let least = settings.duration(.minLockDuration) ?? locks.lowerBound
        options.limits.lockDurations = least...(settings.duration(.maxLockDuration) ?? locks.upperBound)
        if let least = settings.duration(.minLifespan) {
            options.limits.lifespans = least...options.limits.lifespans.upperBound
        }
        if let count = settings.integer(.maxWaitingWrites) { options.limits.waitingTransactions = count }
        if let window = settings.duration(.requestWindow) { options.limits.requestWindow = window }
        if let count = settings.integer(.maxKeys) { options.limits.keys = count }
        options.pruning = settings.pruning
        options.keyMetrics = settings.integer(.keyMetrics)
        return options
    }
}

extension Settings {
    /// When and what is pruned.
    fileprivate var pruning: PruningOptions {
        var pruning = PruningOptions()
        (pruning.at, pruning.to) = (integer(.pruneAt), integer(.pruneTo))
        (pruning.eagerAt, pruning.eagerTo) = (integer(.eagerPruneAt), integer(.eagerPruneTo))
        if let interval = duration(.pruneInterval) { pruning.interval = interval }
        if let order = text(.pruneBy).flatMap(PruningOptions.Order.init) { pruning.order = order }
        pruning.exempt = list(.pruneExempt).map { Key($0) }
        return pruning
    }

    /// How much of the log is kept.
    var retention: Retention { Retention(maxEvents: integer(.retainEvents), maxAge: duration(.retainFor)) }

    /// How much of what keys were is told.
    fileprivate var history: HistoryOptions {
        var history = HistoryOptions()
        history.limit = integer(.historyLimit)
        history.limits = list(.historyLimitFor).compactMap { text in
            PrefixedNumber(text).map { .init(prefix: Key($0.prefix), limit: $0.number) }
        }
        history.tellsEnded = flag(.historyOfEnded)
        return history
    }

    fileprivate func rpcConfiguration(addresses: [RPCAddress], loops: RPCEventLoops) -> RPCServerConfiguration {
        var rpc = RPCServerConfiguration(addresses: addresses, eventLoops: loops)
        rpc.tls = TLSFiles.tls(self)
        if let count = integer(.maxConnections) { rpc.limits.maxConnections = count }
        if let count = integer(.maxConcurrentCalls) { rpc.limits.maxConcurrentStreams = count }
        rpc.keepalive.interval = duration(.keepaliveInterval)
        if let timeout = duration(.keepaliveTimeout) { rpc.keepalive.timeout = timeout }
        rpc.keepalive.maxIdle = duration(.maxConnectionIdle)
        rpc.keepalive.maxAge = duration(.maxConnectionAge)
        rpc.compressionThreshold = integer(.compressFrom)
        return rpc
    }
}

/// The server, which says where it listens once signals are heeded: who waits for the line may stop it right after.
private struct AnnouncedServer: Service, CustomStringConvertible {
    // The log would show every field of it otherwise.
    var description: String { "server" }
    let server: CairnServer

    func run() async throws {
        for address in server.addresses { Terminal.print("listening on \(address)") }
        if let address = server.monitorAddress { Terminal.print("monitoring on \(address)") }
        await server.run()
    }
}
