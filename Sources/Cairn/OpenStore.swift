// What a program that embeds a store imports: the model, and this way to open a store.
@_exported public import CairnKeyspace
internal import CairnMemory
@_exported public import CairnModel
@_exported public import CairnSnapshots

#if MySQL
internal import CairnMySQL
#endif
#if Postgres
internal import CairnPostgres
#endif
#if Postgres || MySQL
internal import CairnSQL
#endif
#if SQLite
internal import CairnSQLite
#endif

/// Opens the store that `url` names, in this process.
///
/// `memory:` is an empty store that ends with the process. `sqlite:PATH` is a file, which is made if it isn't there;
/// its directory must be. `postgres://…` and `mysql://…` are tables on a database server, made if they aren't there,
/// that any number of processes may open at the same time. Close the store when done with it.
///
/// `readReplica` names a read replica of the same database, for reads that may be stale.
///
///     let store = try await openStore("sqlite:./data.db")
///     try await store.set("greeting", "hello")
///
/// Throws ``CairnModel/StoreError/Code/invalidURL``, and what the home says of itself:
/// ``CairnModel/StoreError/Code/foreignFile``,
/// ``CairnModel/StoreError/Code/formatTooNew``, ``CairnModel/StoreError/Code/permissionDenied``,
/// ``CairnModel/StoreError/Code/authenticationFailed``, ``CairnModel/StoreError/Code/databaseNotFound``,
/// ``CairnModel/StoreError/Code/readOnlyHome``, ``CairnModel/StoreError/Code/unavailable``,
/// ``CairnModel/StoreError/Code/corrupted`` and others.
public func openStore(
    _ url: String, readReplica: String? = nil, options: KeyspaceOptions = KeyspaceOptions()
) async throws(StoreError) -> Keyspace {
    let home = try StoreURL(url).home
    let replica = try readReplica.map { (text) throws(StoreError) in try StoreURL(text).home }
    switch home {
    case .memory:
        try refuseReplica(replica)
        return try await Keyspace.open(options: options) { () throws(StoreError) in MemoryEngine() }
    case .sqlite(let path):
        try refuseReplica(replica)
        #if SQLite
        return try await Keyspace.open(options: options) { () throws(StoreError) in try SQLiteEngine(path: path) }
        #else
        throw StoreError.missingTrait("SQLite")
        #endif
    case .postgres(let url):
        #if Postgres
        var stale: String?
        if case .postgres(let url) = replica { stale = url } else { try refuse(replica, of: "postgres://") }
        return try await openServerStore(url, stale: stale, options) { (url, options) throws(StoreError) in
            try PostgresHome(url, options: options)
        }
        #else
        throw StoreError.missingTrait("Postgres")
        #endif
    case .mysql(let url):
        #if MySQL
        var stale: String?
        if case .mysql(let url) = replica { stale = url } else { try refuse(replica, of: "mysql://") }
        return try await openServerStore(url, stale: stale, options) { (url, options) throws(StoreError) in
            try MySQLHome(url, options: options)
        }
        #else
        throw StoreError.missingTrait("MySQL")
        #endif
    }
}

extension StoreError {
    /// The program can't do that, because it was built without a package trait.
    static func missingTrait(_ trait: String) -> StoreError {
        StoreError(
            .unsupported, "this program was built without that home; build it with the package trait \"\(trait)\"")
    }
}

/// Throws if there is a read replica of a home that has none.
private func refuseReplica(_ replica: StoreURL.Home?) throws(StoreError) {
    guard replica != nil else { return }
    throw StoreError(.invalidURL, "only a store on a database server can have a read replica")
}

/// Throws if there is a read replica, which isn't one of the home.
private func refuse(_ replica: StoreURL.Home?, of scheme: String) throws(StoreError) {
    guard replica != nil else { return }
    throw StoreError(.invalidURL, "a read replica of a \(scheme) store must be named by a \(scheme) URL, too")
}

#if Postgres || MySQL
/// Opens a store on a database server.
private func openServerStore<Home: ServerHome>(
    _ url: String, stale: String?, _ options: KeyspaceOptions,
    _ makeHome: @escaping @Sendable (String, ServerOptions) throws(StoreError) -> Home
) async throws(StoreError) -> Keyspace {
    var server = ServerOptions()
    server.logger = options.logger
    // Who brings a clock of his own wants it to be heeded.
    server.usesDatabaseClock = options.clock is SystemClock
    let home = try makeHome(url, server)
    guard let stale else {
        return try await Keyspace.open(options: options) { () throws(StoreError) in
            try ServerEngine(home, options: home.options)
        }
    }
    let replica = try makeHome(stale, server)
    return try await Keyspace.open(
        options: options,
        engine: { () throws(StoreError) in try ServerEngine(home, options: home.options) },
        stale: { () throws(StoreError) in try StaleEngine(replica, options: replica.options) })
}
#endif
