/// The statements of a batch.
struct BatchStatements: Sendable {
    /// Locks the head and reads it.
    let lockHead: Statement
    /// Tells the time and the earliest deadline. Of its own, because a statement sees what was committed when it began,
    /// and the one that takes the lock had to wait.
    let standing: Statement
    let store, putLeases, dropLeases, putLocks, dropLocks, putConsumers, dropConsumers, putResults, finish: Statement

    init(_ names: Names) {
        func table(_ name: String) -> String { names.qualified(name) }
        lockHead = names.statement("lock_head", "\(names.head) FOR UPDATE")
        standing = names.statement("standing", "SELECT \(Statements.now), \(names.firstDeadline)")
        store = names.statement("store", BatchStatements.store(events: table("events"), records: table("records")))
        finish = names.statement("finish", BatchStatements.finish(head: table("head"), replicas: table("replicas")))
        putLeases = names.statement(
            "put_leases",
            """
            INSERT INTO \(table("leases")) (id, deadline, duration, is_granted)
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[])
            ON CONFLICT (id) DO UPDATE SET
                deadline = excluded.deadline, duration = excluded.duration, is_granted = excluded.is_granted
            """
        )
        dropLeases = names.statement(
            "drop_leases", "DELETE FROM \(table("leases")) WHERE id = ANY($1::bigint[])")
        putLocks = names.statement(
            "put_locks",
            """
            INSERT INTO \(table("locks")) (token, deadline, duration, mode, key, owner)
            SELECT * FROM unnest(
                $1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::bytea[], $6::bytea[])
            ON CONFLICT (token) DO UPDATE SET
                deadline = excluded.deadline, duration = excluded.duration, mode = excluded.mode
            """
        )
        dropLocks = names.statement(
            "drop_locks", "DELETE FROM \(table("locks")) WHERE token = ANY($1::bigint[])")
        putConsumers = names.statement(
            "put_consumers",
            """
            INSERT INTO \(table("consumers")) (name, cursor, updated_at)
            SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[])
            ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, updated_at = excluded.updated_at
            """
        )
        dropConsumers = names.statement(
            "drop_consumers", "DELETE FROM \(table("consumers")) WHERE name = ANY($1::bytea[])")
        putResults = names.statement(
            "put_results",
            """
            INSERT INTO \(table("requests")) (id, time, result)
            SELECT id, $2::bigint, result FROM unnest($1::bytea[], $3::text[]) AS request (id, result)
            ON CONFLICT (id) DO UPDATE SET time = excluded.time, result = excluded.result
            """
        )
    }

    var all: [Statement] {
        [
            lockHead, standing, store, putLeases, dropLeases, putLocks, dropLocks, putConsumers, dropConsumers,
            putResults, finish,
        ]
    }

    /// Appends a batch's events to the log, and writes the records that the last of each key leave behind. Both come
    /// from the same arrays, so no value is sent twice.
    ///
    /// Rows that are there are updated, which is cheaper than an insert that meets a conflict, and writes half as much
    /// to the server's log. As many must be there as the batch knows of; if not, somebody has deleted some by hand,
    /// and the division by zero fails the batch.
    private static func store(events: String, records: String) -> String {
        """
        WITH event AS MATERIALIZED (
            SELECT * FROM unnest(
                $1::bigint[], $2::integer[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                $8::bigint[], $9::bigint[], $10::bytea[], $11::integer[], $12::integer[], $13::integer[], $14::bytea[],
                $15::integer[], $16::bigint[]
            ) AS event (
                ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id,
                transaction_index, transaction_count, value_kind, value, row_change, lock_token)
        ), logged AS (
            INSERT INTO \(events) (
                ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id,
                transaction_index, transaction_count, value_kind, value, lock_token)
            SELECT ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id,
                transaction_index, transaction_count, value_kind, value, lock_token
            FROM event
        ), inserted AS (
            INSERT INTO \(records) (
                key, version, created_version, created_ref, updated_ref, deleted_ref, lease_id, value_kind, value,
                lock_token)
            SELECT key, version, created_version, created_ref, ref, CASE WHEN value IS NULL THEN ref END, lease_id,
                value_kind, value, lock_token
            FROM event WHERE row_change = 2
        ), updated AS (
            UPDATE \(records) AS record SET
                version = event.version, created_version = event.created_version,
                created_ref = event.created_ref, updated_ref = event.ref,
                deleted_ref = CASE WHEN event.value IS NULL THEN event.ref END, lease_id = event.lease_id,
                value_kind = event.value_kind, value = event.value, lock_token = event.lock_token
            FROM event WHERE event.row_change = 1 AND record.key = event.key
            RETURNING 1
        )
        SELECT 1 / (CASE WHEN (SELECT count(*) FROM updated) = (SELECT count(*) FROM event WHERE row_change = 1)
            THEN 1 ELSE 0 END)
        """
    }

    /// Writes the head and the replica's last batch, and tells the other replicas, if there are any.
    ///
    /// Not to notify when nobody listens is worth it: transactions that notify commit one at a time in the whole
    /// cluster, whatever database they are in.
    ///
    /// Both rows must be there and be ours. Where one isn't, the division by its count fails, and with it the whole
    /// batch: it has been sent together with its COMMIT, and nothing else could keep that from counting.
    private static func finish(head: String, replicas: String) -> String {
        """
        WITH head AS (
            UPDATE \(head) SET last_ref = $1::bigint, oldest_ref = $2::bigint, last_lease_id = $3::bigint,
                time = $4::bigint
            WHERE id = 1 RETURNING 1
        ), replica AS (
            \(ReplicaStatements.seen(replicas, number: "$5", id: "$6", address: "$7", lastBatch: "$8"))
        )
        SELECT 1 / (SELECT count(*) FROM head), 1 / (SELECT count(*) FROM replica),
            (SELECT pg_notify($9::text, $10::text) WHERE EXISTS (
                SELECT FROM \(replicas)
                WHERE number > 0 AND number <> $5::bigint AND seen_at >= \(Statements.now) - $11::bigint))
        """
    }
}
