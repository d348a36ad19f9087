package import CairnKeyspace
package import CairnModel
internal import CairnSQL
internal import Synchronization

/// Snapshots in two tables of a PostgreSQL database. `docs/formats/snapshot.md` describes them.
///
/// A snapshot is written in one transaction, so it is there whole or not at all.
package final class PostgresSnapshots: SnapshotStore {
    /// The URL without its password.
    package let place: String
    private let url: PostgresURL
    private let snapshots: String
    private let pieces: String
    private let owners: String
    /// Whose snapshots are ours, and the random number by which that is known.
    private let owned = Mutex<(server: String, owner: Int64)?>(nil)
    /// The connection, while nobody uses it.
    private let idle = Mutex<Connection?>(nil)

    /// The snapshots at a URL such as `postgres://user:password@host:5432/database?schema=cairn`. Makes the tables if
    /// they aren't there.
    ///
    /// Throws ``CairnModel/StoreError/Code/invalidURL``, ``CairnModel/StoreError/Code/unavailable``,
    /// ``CairnModel/StoreError/Code/permissionDenied`` and what else the server answers.
    package init(_ url: String) throws(StoreError) {
        self.url = try PostgresURL(url)
        place = self.url.place
        let names = Names(self.url.schema)
        snapshots = names.qualified("cairn_snapshots")
        pieces = names.qualified("cairn_snapshot_pieces")
        owners = names.qualified("cairn_snapshot_owners")
        let (snapshots, pieces, owners) = (snapshots, pieces, owners)
        try withConnection { (connection) throws(StoreError) in
            let look = Call(
                Statement(
                    "",
                    """
                    SELECT to_regclass($1::text) IS NOT NULL AND to_regclass($2::text) IS NOT NULL
                        AND to_regclass($3::text) IS NOT NULL
                    """),
                Parameters {
                    $0.add(snapshots)
                    $0.add(pieces)
                    $0.add(owners)
                })
            if try connection.run(look).flag(0, 0) { return }
            let lock = Call(
                Statement("", "SELECT pg_advisory_xact_lock($1::bigint)"), Parameters { $0.add(names.lockNumber) })
            let make = [
                "CREATE SCHEMA IF NOT EXISTS \(names.quotedSchema)",
                """
                CREATE TABLE IF NOT EXISTS \(snapshots) (
                    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                    server text NOT NULL,
                    time bigint NOT NULL,
                    bytes bigint NOT NULL,
                    UNIQUE (server, time)
                )
                """,
                """
                CREATE TABLE IF NOT EXISTS \(pieces) (
                    snapshot bigint NOT NULL REFERENCES \(snapshots) ON DELETE CASCADE,
                    number bigint NOT NULL,
                    data bytea NOT NULL,
                    PRIMARY KEY (snapshot, number)
                )
                """,
                "CREATE TABLE IF NOT EXISTS \(owners) (server text PRIMARY KEY, owner bigint NOT NULL)",
            ]
            _ = try connection.run(
                [Call(Statements.begin), lock] + make.map { Call(Statement("", $0)) } + [Call(Statements.commit)])
        }
    }

    /// The lock is the connection's, so it goes with the process. A connection that was lost, or a pooler that gives
    /// each transaction another one, may let somebody else in; then the number in the table says who was last, and who
    /// isn't keeps no more.
    package func own(_ server: String) throws(StoreError) {
        let owner = Int64.random(in: .min ... .max)
        let note = Statement(
            "",
            """
            INSERT INTO \(owners) (server, owner) VALUES ($1::text, $2::bigint)
            ON CONFLICT (server) DO UPDATE SET owner = excluded.owner
            """)
        try withConnection { (connection) throws(StoreError) in
            try lock(server, on: connection)
            _ = try connection.run(
                Call(
                    note,
                    Parameters {
                        $0.add(server)
                        $0.add(owner)
                    }))
        }
        owned.withLock { $0 = (server, owner) }
    }

    private func lock(_ server: String, on connection: Connection) throws(StoreError) {
        if url.isPooled == true { return }
        let take = Statement("", "SELECT pg_try_advisory_lock(hashtextextended($1::text, 0))")
        let rows = try connection.run(Call(take, Parameters { $0.add("cairn snapshots \(snapshots) \(server)") }))
        guard rows.flag(0, 0) else { throw .snapshotsInUse(server: server, place: place, by: "") }
    }

    /// Throws unless the snapshots of a server are still ours. Holds the row until the end of the transaction.
    private func checkOwner(_ server: String, on connection: Connection) throws(StoreError) {
        guard let owned = owned.withLock({ $0 }), owned.server == server else { return }
        let look = Statement("", "SELECT owner FROM \(owners) WHERE server = $1::text FOR UPDATE")
        let rows = try connection.run(Call(look, Parameters { $0.add(server) }))
        guard rows.count == 1, rows.integer(0, 0) == owned.owner else {
            throw .snapshotsTaken(server: server, place: place)
        }
    }

    package func list(of server: String) throws(StoreError) -> [StoredSnapshot] {
        let statement = Statement(
            "", "SELECT time, bytes FROM \(snapshots) WHERE server = $1::text ORDER BY time")
        let rows = try withConnection { (connection) throws(StoreError) in
            try connection.run(Call(statement, Parameters { $0.add(server) }))
        }
        return (0..<rows.count).map { row in
            let time = Timestamp(microseconds: rows.integer(row, 0))
            return StoredSnapshot(
                name: SnapshotName(server: server, time: time), byteCount: rows.integer(row, 1))
        }
    }

    package func write(
        _ name: SnapshotName, _ fill: (any SnapshotSink) throws(StoreError) -> Void
    ) throws(StoreError) {
        let insert = Statement(
            "", "INSERT INTO \(snapshots) (server, time, bytes) VALUES ($1::text, $2::bigint, 0) RETURNING id")
        let insertPiece = Statement(
            "", "INSERT INTO \(pieces) (snapshot, number, data) VALUES ($1::bigint, $2::bigint, $3::bytea)")
        let finish = Statement("", "UPDATE \(snapshots) SET bytes = $2::bigint WHERE id = $1::bigint")
        try withConnection { (connection) throws(StoreError) in
            _ = try connection.run([Call(Statements.begin)])
            try checkOwner(name.server, on: connection)
            let id = try connection.run(Call(insert, key(of: name))).integer(0, 0)
            let sink = PiecedSink { (number, piece) throws(StoreError) in
                _ = try connection.run(
                    Call(
                        insertPiece,
                        Parameters {
                            $0.add(id)
                            $0.add(Int64(number))
                            $0.add(piece)
                        }))
            }
            try fill(sink)
            try sink.finish()
            let size = Parameters {
                $0.add(id)
                $0.add(sink.byteCount)
            }
            _ = try connection.run([Call(finish, size), Call(Statements.commit)])
        }
    }

    package func read(_ name: SnapshotName, piece number: Int) throws(StoreError) -> [UInt8] {
        let statement = Statement(
            "",
            """
            SELECT data FROM \(pieces) JOIN \(snapshots) ON id = snapshot
            WHERE server = $1::text AND time = $2::bigint AND number = $3::bigint
            """)
        var parameters = key(of: name)
        parameters.add(Int64(number))
        let rows = try withConnection { [parameters] (connection) throws(StoreError) in
            try connection.run(Call(statement, parameters))
        }
        return rows.count == 0 ? [] : rows.bytes(0, 0)
    }

    package func delete(_ name: SnapshotName) throws(StoreError) {
        let statement = Statement("", "DELETE FROM \(snapshots) WHERE server = $1::text AND time = $2::bigint")
        try withConnection { (connection) throws(StoreError) in
            _ = try connection.run(Call(statement, key(of: name)))
        }
    }

    package func close() {
        idle.withLock { connection in
            connection?.close()
            connection = nil
        }
    }

    private func key(of name: SnapshotName) -> Parameters {
        Parameters {
            $0.add(name.server)
            $0.add(name.time.rawValue)
        }
    }

    /// Calls `body` with the connection, which is opened when there is none, and kept unless something went wrong.
    private func withConnection<Result>(
        _ body: (Connection) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let kept = idle.withLock { idle in
            defer { idle = nil }
            return idle
        }
        var isNew = false
        let connection: Connection
        if let kept, !kept.isBroken {
            connection = kept
        } else {
            connection = try Connection.open(url, for: .writing)
            isNew = true
        }
        do throws(StoreError) {
            if isNew, let owned = owned.withLock({ $0 }) { try lock(owned.server, on: connection) }
            let result = try body(connection)
            idle.withLock { $0 = connection }
            return result
        } catch {
            // The server undoes what was begun on it.
            connection.close()
            throw error
        }
    }
}
