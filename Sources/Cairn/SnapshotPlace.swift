internal import CairnKeyspace
internal import CairnModel
internal import CairnSnapshots

#if Postgres
internal import CairnPostgres
#endif
#if SQLite
internal import CairnSQLite
#endif

/// Where snapshots are kept, as a URL names it.
enum SnapshotPlace {
    private static let schemes = "file:FOLDER, sqlite:PATH or postgres://…"

    /// Opens the place that a URL names. Blocks.
    static func open(_ url: String) throws(StoreError) -> any SnapshotStore {
        guard let colon = url.firstIndex(of: ":") else {
            throw StoreError(.invalidURL, "what is given is no URL for snapshots; write \(schemes)")
        }
        var rest = url[url.index(after: colon)...]
        switch url[..<colon] {
        case "file":
            if rest.hasPrefix("//") { rest = rest.dropFirst(2) }
            return try FileSnapshots(folder: String(rest))
        case "sqlite":
            if rest.hasPrefix("//") { rest = rest.dropFirst(2) }
            guard !rest.isEmpty else {
                throw StoreError(.invalidURL, "sqlite: needs the path of a file, as in sqlite:./snapshots.db")
            }
            #if SQLite
            return try SQLiteSnapshots(path: String(rest))
            #else
            throw StoreError.missingTrait("SQLite")
            #endif
        case "postgres", "postgresql":
            #if Postgres
            return try PostgresSnapshots(url)
            #else
            throw StoreError.missingTrait("Postgres")
            #endif
        default:
            throw StoreError(
                .invalidURL, "snapshots can't be kept at a \"\(url[..<colon])\" URL; write \(schemes)")
        }
    }
}
