internal import CairnModel
internal import CairnSecurity

/// Who may call a method, where callers are asked for who they are. What it may do with keys is the
/// ``GuardedStore``'s business.
enum MethodRule: Hashable, Sendable {
    /// Anybody, without a token.
    case anybody
    /// Whoever is let in.
    case known
    /// Who may read something.
    case reader
    /// Admins.
    case admin

    /// The rule of a method. One that is not in the table is for admins.
    static func of(_ method: String) -> MethodRule { table[method] ?? .admin }

    /// Every method; a test holds it against the router's.
    static let table: [String: MethodRule] = [
        // Load balancers ask it, and it tells of no data.
        "grpc.health.v1.Health/Check": .anybody,
        "grpc.health.v1.Health/Watch": .anybody,
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": .known,
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": .known,
        "cairn.v1.KeyValue/Get": .known,
        "cairn.v1.KeyValue/List": .known,
        "cairn.v1.KeyValue/GetRevision": .known,
        "cairn.v1.KeyValue/GetHistory": .known,
        "cairn.v1.KeyValue/Set": .known,
        "cairn.v1.KeyValue/Delete": .known,
        "cairn.v1.KeyValue/Commit": .known,
        "cairn.v1.KeyValue/Import": .known,
        "cairn.v1.Leases/Grant": .known,
        "cairn.v1.Leases/Show": .known,
        "cairn.v1.Leases/List": .known,
        "cairn.v1.Leases/KeepAlive": .known,
        "cairn.v1.Leases/KeepAliveStream": .known,
        "cairn.v1.Leases/Expire": .known,
        "cairn.v1.Locks/Lock": .known,
        "cairn.v1.Locks/Unlock": .known,
        "cairn.v1.Locks/Show": .known,
        "cairn.v1.Locks/List": .known,
        "cairn.v1.Log/Watch": .known,
        "cairn.v1.Log/Compact": .admin,
        "cairn.v1.Consumers/Get": .known,
        "cairn.v1.Consumers/List": .known,
        "cairn.v1.Consumers/Acknowledge": .known,
        "cairn.v1.Consumers/Reset": .known,
        "cairn.v1.Consumers/Delete": .known,
        "cairn.v1.Consumers/Consume": .known,
        "cairn.v1.Maintenance/Status": .known,
        "cairn.v1.Maintenance/Backup": .admin,
        "cairn.v1.Snapshots/Create": .admin,
        "cairn.v1.Snapshots/List": .admin,
        "cairn.v1.Admin/Stats": .reader,
        "cairn.v1.Admin/SetReadOnly": .admin,
        "cairn.v1.Admin/Shutdown": .admin,
        "cairn.v1.Admin/Prune": .admin,
        "cairn.v1.Admin/ListClients": .admin,
        "cairn.v1.Inspection/Inspect": .known,
        "cairn.v1.Inspection/GetKeyMetrics": .known,
        "cairn.v1.Inspection/ListHottestKeys": .known,
    ]

    /// The methods whose calls may last, so that who makes them is looked at again; a test holds them against the
    /// router's streams.
    static let lasting: Set<String> = [
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "cairn.v1.KeyValue/Import",
        "cairn.v1.Leases/KeepAliveStream", "cairn.v1.Locks/Lock", "cairn.v1.Log/Watch", "cairn.v1.Consumers/Consume",
        "cairn.v1.Maintenance/Backup",
    ]

    /// Throws unless `principal` may call.
    func check(_ principal: Principal) throws(StoreError) {
        switch self {
        case .anybody, .known: break
        case .reader: try principal.requireReader()
        case .admin: try principal.requireAdmin()
        }
    }
}
