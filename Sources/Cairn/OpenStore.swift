// What a program that embeds a store imports: the model, and this way to open a store.
@_exported public import CairnKeyspace
internal import CairnMemory
@_exported public import CairnModel

#if SQLite
internal import CairnSQLite
#endif

/// Opens the store that `url` names, in this process.
///
/// `memory:` is an empty store that ends with the process. `sqlite:PATH` is a file, which is made if it isn't there;
/// its directory must be. Close the store when done with it.
///
///     let store = try await openStore("sqlite:./data.db")
///     try await store.set("greeting", "hello")
///
/// Throws ``CairnModel/StoreError/Code/invalidURL``, and what the home says of itself:
/// ``CairnModel/StoreError/Code/foreignFile``,
/// ``CairnModel/StoreError/Code/formatTooNew``, ``CairnModel/StoreError/Code/permissionDenied``,
/// ``CairnModel/StoreError/Code/corrupted`` and others.
public func openStore(
    _ url: String, options: KeyspaceOptions = KeyspaceOptions()
) async throws(StoreError) -> Keyspace {
    switch try StoreURL(url).home {
    case .memory:
        return try await Keyspace.open(options: options) { () throws(StoreError) in MemoryEngine() }
    case .sqlite(let path):
        #if SQLite
        return try await Keyspace.open(options: options) { () throws(StoreError) in try SQLiteEngine(path: path) }
        #else
        throw StoreError(
            .unsupported, "this program was built without the SQLite home (package trait \"SQLite\"): \(path)")
        #endif
    }
}
