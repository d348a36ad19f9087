public import CairnKeyspace
public import CairnModel

extension Keyspace {
    /// A keyspace over `engine` that tells the time by `clock`.
    public static func open(
        _ engine: any Engine, clock: any WallClock, limits: Limits = .standard, retention: Retention = .unlimited
    ) async throws(StoreError) -> Keyspace {
        var options = KeyspaceOptions()
        options.clock = clock
        options.limits = limits
        options.retention = retention
        return try await Keyspace.open(options: options, engine: { () throws(StoreError) in engine })
    }
}
