internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnSecurity
internal import CairnWire
internal import Logging
internal import NIOPosix
internal import SwiftProtobuf

/// `cairn.v1.Admin`: how the server is doing, read from its metrics, and what changes how it runs.
struct AdminService: Sendable {
    let store: any Store
    let metrics: MetricRegistry
    let writes: WriteSwitch
    let access: AccessControl
    let stopRequest: StopRequest
    let logger: Logger
    /// Who prunes the store, if anybody can.
    let pruner: (any KeyPruner)?
    let clients: ClientRegistry
    let startedAt = ContinuousClock.now

    func register(on router: inout RPCRouter) {
        router.unary("cairn.v1.Admin/Stats") { (_: Cairn_V1_StatsRequest, _) in try await stats() }
        router.unary("cairn.v1.Admin/SetReadOnly") { request, context in try await setReadOnly(request, context) }
        router.unary("cairn.v1.Admin/Shutdown") { request, context in try await shutdown(request, context) }
        router.unary("cairn.v1.Admin/Prune") { request, _ in try await prune(request) }
        router.unary("cairn.v1.Admin/ListClients") { request, _ in try await listClients(request) }
    }

    private func prune(_ request: Cairn_V1_PruneRequest) async throws -> Cairn_V1_PruneResponse {
        try await answering { () throws(StoreError) in
            try access.requireAdmin(clientID: request.clientID)
            guard let pruner else { throw StoreError(.unsupported, "this server can't prune the store it serves") }
            let count = try await pruner.prune(
                to: Int(clamping: request.pruneTo), ignoring: request.ignoreKeys.map(Key.init(wire:)),
                clientID: request.clientID)
            return .with { $0.pruned = Int64(count) }
        }
    }

    private func listClients(
        _ request: Cairn_V1_ListClientsRequest
    ) async throws -> Cairn_V1_ListClientsResponse {
        try await answering { () throws(StoreError) in
            // Where callers are asked for who they are, the rule of the method keeps this for admins.
            guard request.limit >= 0 else {
                throw StoreError(.invalidArgument, "a limit of \(request.limit) is not possible; the least is 1")
            }
            let clients = clients.list(limit: request.limit == 0 ? .max : Int(request.limit))
            return .with { $0.clients = clients.map(\.wire) }
        }
    }

    private func setReadOnly(
        _ request: Cairn_V1_SetReadOnlyRequest, _ context: RPCContext
    ) async throws -> Cairn_V1_SetReadOnlyResponse {
        try await answering { () throws(StoreError) in
            try access.requireAdmin(clientID: request.clientID)
            let before = writes.isReadOnly
            writes.isReadOnly = request.readOnly
            log(request.readOnly ? "writes are refused from now on" : "writes are taken", request.clientID, context)
            return .with { $0.wasReadOnly = before }
        }
    }

    private func shutdown(
        _ request: Cairn_V1_ShutdownRequest, _ context: RPCContext
    ) async throws -> Cairn_V1_ShutdownResponse {
        try await answering { () throws(StoreError) in
            try access.requireAdmin(clientID: request.clientID)
            log("stopping, as a client asks", request.clientID, context)
            stopRequest.make()
            return Cairn_V1_ShutdownResponse()
        }
    }

    private func log(_ message: Logger.Message, _ clientID: String, _ context: RPCContext) {
        logger.notice(
            message,
            metadata: [
                "client": "\(Caller.current?.name ?? clientID)",
                "peer": "\(context.peerAddress?.description ?? "unknown")",
            ])
    }

    private func stats() async throws -> Cairn_V1_StatsResponse {
        let status = try await answering { () throws(StoreError) in try await store.status() }
        let metrics = metrics
        // On a thread for blocking calls, as it reads files of the operating system.
        let families = try await NIOThreadPool.singleton.runIfActive { metrics.families() }
        var response = Cairn_V1_StatsResponse(MetricReader(families))
        response.uptimeUs = Int64((ContinuousClock.now - startedAt) / .microseconds(1))
        response.serverVersion = cairnVersion
        response.home = status.home
        response.headRef = status.headRef.rawValue
        response.oldestRef = status.oldestRef.rawValue
        response.readOnly = writes.isReadOnly
        response.clients = Int64(clients.count)
        if let most = store.limits.keys { response.maxKeys = Int64(most) }
        return response
    }
}

extension Cairn_V1_StatsResponse {
    /// What the metrics tell of.
    init(_ metrics: MetricReader) {
        self.init()
        if let keys = metrics.number("cairn_home_keys") { self.keys = Int64(keys) }
        if let bytes = metrics.number("cairn_home_bytes") { self.bytes = Int64(bytes) }
        if let leases = metrics.number("cairn_home_leases") { self.leases = Int64(leases) }
        if let locks = metrics.number("cairn_home_locks") { self.locks = Int64(locks) }
        connections = metrics.count("cairn_connections")
        watchers = metrics.count("cairn_watchers")
        watchersBehind = metrics.count("cairn_watchers_behind")
        watchLagEvents = metrics.count("cairn_watch_lag_events")
        waitingWrites = metrics.count("cairn_waiting_writes")
        if let seconds = metrics.histogram("cairn_batch_seconds") {
            batches = Int64(seconds.count)
            batchSeconds = Cairn_V1_Histogram(seconds)
        }
        transactions = metrics.histogram("cairn_batch_transactions").map { Int64($0.sum) } ?? 0
        events = metrics.counts("cairn_events_total", by: "kind").filter { $0.value > 0 }
        pruneRuns = metrics.counts("cairn_prune_runs_total", by: "occasion").filter { $0.value > 0 }
        snapshots = metrics.counts("cairn_snapshots_total", by: "occasion").filter { $0.value > 0 }
        calls = Cairn_V1_StatsResponse.calls(metrics)
        if let bytes = metrics.number("process_resident_memory_bytes") { memoryBytes = Int64(bytes) }
        if let seconds = metrics.number("process_cpu_seconds_total") { cpuUs = Int64(seconds * 1e6) }
    }

    private static func calls(_ metrics: MetricReader) -> [Cairn_V1_CallStats] {
        let ended = metrics.histograms("cairn_rpc_seconds", by: "method", and: "status")
        let started = metrics.counts("cairn_rpc_started_total", by: "method").filter { $0.value > 0 }
        return started.sorted { $0.key < $1.key }.map { method, count in
            let byStatus = ended[method] ?? [:]
            return .with {
                $0.method = method
                $0.started = count
                $0.ended = byStatus.mapValues { Int64($0.count) }
                if let first = byStatus.values.first {
                    $0.seconds = Cairn_V1_Histogram(byStatus.values.dropFirst().reduce(first) { $0.adding($1) })
                }
            }
        }
    }
}

extension Cairn_V1_Histogram {
    fileprivate init(_ value: HistogramValue) {
        self.init()
        bounds = value.bounds
        counts = value.counts.map { Int64($0) }
        sum = value.sum
    }
}
