package import CairnKeyspace
package import CairnModel

/// A read replica of a home's database, for reads that may be stale. It only reads.
package final class StaleEngine<Home: ServerHome>: Engine {
    /// The home's name.
    package var name: String { home.name }
    /// What the home can do, though not here.
    package var capabilities: Capabilities { .databaseServer }
    /// Calls wait for the database.
    package let blocks = true
    /// The number of reading connections.
    package var readers: Int { pool.count }
    /// Nobody expires anything here.
    package let isOnDuty = false

    private let home: Home
    private let pool: SessionPool<Home>
    private let options: ServerOptions

    /// Opens the read replica. Blocks until it has answered once, or has failed to for as long as the patience lasts.
    package init(_ home: Home, options: ServerOptions) throws(StoreError) {
        self.home = home
        self.options = options
        let metrics = ServerMetrics(home: home.name + "-replica", logger: options.logger)
        pool = SessionPool(home, role: .stale, count: options.readers, metrics: metrics)
        do throws(StoreError) {
            _ = try read { (view) throws(StoreError) in try view.head() }
        } catch {
            pool.close()
            throw error
        }
    }

    package func readyRecord(_ key: Key) -> ReadyRecord? { nil }

    package func lookUp(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        try pool.withPatience(options.patience) { (session) throws(StoreError) in try session.records(keys) }
    }

    package func read<Result>(
        _ body: (any EngineView) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try pool.withPatience(options.patience) { (session) throws(StoreError) in try session.withSnapshot(body) }
    }

    /// Refused: this is for reading only.
    package func commit(_ decide: (any EngineView) throws(StoreError) -> Changes?) throws(StoreError) {
        throw StoreError(.unsupported, "\(home.place) is a replica for reading; nothing can be written to it")
    }

    package func trim() throws(StoreError) -> Bool { false }
    package func mayHaveForeignChanges(since ref: Ref) -> Bool { true }

    /// Not supported, as for the home itself.
    package func backup(toFile path: String) throws(StoreError) {
        throw StoreError(.unsupported, "\(home.place): use the database's own tools to make a copy")
    }

    package func close() { pool.close() }
}
