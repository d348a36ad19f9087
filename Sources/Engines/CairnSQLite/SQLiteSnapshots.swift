package import CairnKeyspace
package import CairnModel
internal import Foundation
internal import GRDB
internal import Synchronization

/// Snapshots in a SQLite file of their own. `docs/formats/snapshot.md` describes its tables.
///
/// A snapshot is written in one transaction, so it is there whole or not at all.
package final class SQLiteSnapshots: SnapshotStore {
    /// `PRAGMA application_id`: the letters CSNP.
    static let applicationID: Int32 = 0x4353_4E50
    private static let tables = """
        CREATE TABLE snapshots (
            id INTEGER PRIMARY KEY,
            server TEXT NOT NULL,
            time INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            UNIQUE (server, time)
        ) STRICT;
        CREATE TABLE pieces (
            snapshot INTEGER NOT NULL,
            number INTEGER NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (snapshot, number)
        ) STRICT;
        """

    /// The file.
    package let place: String
    private let queue: DatabaseQueue
    /// By server: files beside this one.
    private let locks = Mutex<[String: SnapshotNameLock]>([:])

    /// The snapshots in a file, which is made if it isn't there; its directory must be.
    ///
    /// Throws ``CairnModel/StoreError/Code/foreignFile``, ``CairnModel/StoreError/Code/formatTooNew``,
    /// ``CairnModel/StoreError/Code/invalidURL``, ``CairnModel/StoreError/Code/permissionDenied`` and others.
    package init(path: String) throws(StoreError) {
        try Inspection.check(path, isFor: SQLiteSnapshots.applicationID, "snapshots of Cairn's")
        place = path
        var configuration = Configuration()
        configuration.label = "cairn.snapshots"
        configuration.busyMode = .timeout(10)
        // Together with the rollback journal: a commit that was answered is on the disk.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = EXTRA") }
        do {
            queue = try DatabaseQueue(path: Connection.unambiguous(path), configuration: configuration)
            try queue.write { database in
                if try Int32.fetchOne(database, sql: "PRAGMA application_id") == SQLiteSnapshots.applicationID {
                    return
                }
                guard try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") == 0 else {
                    throw StoreError(.foreignFile, "\(path): another program has just made a database here")
                }
                try database.execute(sql: SQLiteSnapshots.tables)
                try database.execute(
                    sql: "PRAGMA application_id = \(SQLiteSnapshots.applicationID); PRAGMA user_version = 1")
            }
        } catch {
            throw .sqlite(error, path: path)
        }
    }

    package func own(_ server: String) throws(StoreError) {
        let lock = try SnapshotNameLock(path: "\(place)-\(server).lock", server: server, place: place)
        locks.withLock { $0[server] = lock }
    }

    package func list(of server: String) throws(StoreError) -> [StoredSnapshot] {
        try run { database in
            try Row.fetchAll(
                database, sql: "SELECT time, bytes FROM snapshots WHERE server = ? ORDER BY time", arguments: [server]
            ).map { row in
                let time = Timestamp(microseconds: row["time"])
                return StoredSnapshot(name: SnapshotName(server: server, time: time), byteCount: row["bytes"])
            }
        }
    }

    package func write(
        _ name: SnapshotName, _ fill: (any SnapshotSink) throws(StoreError) -> Void
    ) throws(StoreError) {
        try locks.withLock { $0[name.server] }?.check(server: name.server, place: place)
        try run { [place] database in
            try database.execute(
                sql: "INSERT INTO snapshots (server, time, bytes) VALUES (?, ?, 0)",
                arguments: [name.server, name.time.rawValue])
            let id = database.lastInsertedRowID
            let sink = PiecedSink { (number, piece) throws(StoreError) in
                do {
                    try database.execute(
                        sql: "INSERT INTO pieces (snapshot, number, data) VALUES (?, ?, ?)",
                        arguments: [id, number, Data(piece)])
                } catch {
                    throw .sqlite(error, path: place)
                }
            }
            try fill(sink)
            try sink.finish()
            try database.execute(sql: "UPDATE snapshots SET bytes = ? WHERE id = ?", arguments: [sink.byteCount, id])
        }
    }

    package func read(_ name: SnapshotName, piece number: Int) throws(StoreError) -> [UInt8] {
        try run { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT data FROM pieces JOIN snapshots ON id = snapshot
                    WHERE server = ? AND time = ? AND number = ?
                    """,
                arguments: [name.server, name.time.rawValue, number])
            return try row?.withUnsafeData(atIndex: 0) { data in
                // A copy: the data are SQLite's, and good only here, as unsafe pointers to them would be.
                data.map { [UInt8]($0) }
            } ?? []
        }
    }

    package func delete(_ name: SnapshotName) throws(StoreError) {
        try run { database in
            let arguments: StatementArguments = [name.server, name.time.rawValue]
            try database.execute(
                sql: "DELETE FROM pieces WHERE snapshot = (SELECT id FROM snapshots WHERE server = ? AND time = ?)",
                arguments: arguments)
            try database.execute(sql: "DELETE FROM snapshots WHERE server = ? AND time = ?", arguments: arguments)
        }
    }

    package func close() {
        try? queue.close()
        locks.withLock { $0 = [:] }
    }

    /// Runs `body` in a transaction.
    private func run<Result>(_ body: (Database) throws -> Result) throws(StoreError) -> Result {
        do {
            return try queue.unsafeReentrantWrite { database in
                var result: Result?
                try database.inTransaction(.immediate) {
                    result = try body(database)
                    return .commit
                }
                guard let result else { throw StoreError(.internal, "a transaction ended without a result") }
                return result
            }
        } catch {
            throw .sqlite(error, path: place)
        }
    }
}
