internal import CairnModel
internal import CairnRPC
internal import CairnSecurity
internal import CairnWire
internal import Logging

/// The gRPC door: every service on one router.
struct GRPCDoor: Sendable {
    let router: RPCRouter
    let health: HealthService

    init(
        store: any Store, configuration: CairnServer.Configuration, writes: WriteSwitch, clients: ClientRegistry,
        stopRequest: StopRequest, logger: Logger
    ) {
        let access = configuration.access
        let shortWay = ShortWay(to: store, isGuarded: access.isSecured)
        let store: any Store = access.isSecured ? GuardedStore(base: store) : store
        var router = RPCRouter()
        if access.isSecured { router.interceptors.append(Gatekeeper(access: access, logger: logger)) }
        let encodings = EventEncodings()
        KeyValueService(store: store, shortWay: shortWay).register(on: &router)
        LeaseService(store: store).register(on: &router)
        LockService(store: store).register(on: &router)
        LogService(store: store, encodings: encodings).register(on: &router)
        ConsumerService(store: store, encodings: encodings).register(on: &router)
        MaintenanceService(store: store, backupDirectory: configuration.backupDirectory).register(on: &router)
        AdminService(
            store: store, metrics: configuration.metrics, writes: writes, access: access, stopRequest: stopRequest,
            logger: logger, pruner: configuration.pruner, clients: clients
        ).register(on: &router)
        InspectionService(store: store, metrics: configuration.keyMetrics, access: access).register(on: &router)
        SnapshotService(maker: configuration.snapshots).register(on: &router)
        let services = Set(router.methods.compactMap { $0.split(separator: "/").first.map(String.init) }).sorted()
        health = HealthService(services: services)
        health.register(on: &router)
        ReflectionService(services: services).register(on: &router)
        self.router = router
    }
}

/// Runs a handler's body, and turns the store's errors into statuses.
func answering<Response>(_ body: () async throws(StoreError) -> Response) async throws -> Response {
    do throws(StoreError) {
        return try await body()
    } catch {
        throw RPCError(error)
    }
}
