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
        let (snapshots, pieces) = (snapshots, pieces)
        try withConnection { (connection) throws(StoreError) in
            let look = Call(
                Statement("", "SELECT to_regclass($1::text) IS NOT NULL AND to_regclass($2::text) IS NOT NULL"),
                Parameters {
                    $0.add(snapshots)
                    $0.add(pieces)
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
            ]
            _ = try connection.run(
                [Call(Statements.begin), lock] + make.map { Call(Statement("", $0)) } + [Call(Statements.commit)])
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
            let begun = try connection.run([Call(Statements.begin), Call(insert, key(of: name))])
            let id = begun[1].integer(0, 0)
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
        let connection: Connection
        if let kept, !kept.isBroken { connection = kept } else { connection = try Connection.open(url, for: .writing) }
        do throws(StoreError) {
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
