/// Every statement that a session runs on the tables of one schema, each with a name of its own.
///
/// Those of upkeep and of the making of tables are in `Migrations`. What each costs the server can be seen with
/// EXPLAIN, which the tests do: none of them may read a whole table.
struct Statements: Sendable {
    // Transactions. Not prepared: they parse in no time, and must work when nothing else does.
    static let begin = Statement("", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    static let beginSnapshot = Statement("", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    static let commit = Statement("", "COMMIT")
    static let rollBack = Statement("", "ROLLBACK")
    /// For what may be lost in a crash: a sign of life, a row that would be deleted again.
    static let relaxed = Statement("", "SELECT set_config('synchronous_commit', 'off', true)")
    /// The database's time in microseconds since 1970.
    static let now = "round(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    static let time = Statement("cairn_time", "SELECT \(now)")

    // Batches.
    let lockHead, standing, store, finish: Statement
    let putLeases, dropLeases, putConsumers, dropConsumers, putResults: Statement

    // Views.
    let head, records, page, pageToEnd, keys, keysToEnd, keysOnLease: Statement
    let leases, leasesFrom, leasesDue, nextDeadline: Statement
    let events, consumer, consumers, result: Statement

    // Replicas and upkeep.
    let forgetReplicas, join, leave, greet, signOfLife, replicas, lastBatch: Statement
    let trimEvents, forgetRequests: Statement

    /// The statements for the tables of a schema. All that may run more than now and then gets a name, which makes the
    /// server keep its plan.
    init(schema: String) {
        let names = Names(schema)
        func table(_ name: String) -> String { names.qualified(name) }

        let headColumns = "last_ref, oldest_ref, last_lease_id, time"
        let firstDeadline = "(SELECT min(deadline) FROM \(table("leases")) WHERE deadline IS NOT NULL)"
        head = names.statement("head", "SELECT \(headColumns) FROM \(table("head")) WHERE id = 1")
        lockHead = names.statement("lock_head", "\(head.sql) FOR UPDATE")
        // Of its own, because a statement sees what was committed when it began, and the one before it had to wait.
        standing = names.statement("standing", "SELECT \(Statements.now), \(firstDeadline)")
        nextDeadline = names.statement("next_deadline", "SELECT \(firstDeadline)")

        store = names.statement("store", Statements.store(events: table("events"), records: table("records")))
        finish = names.statement("finish", Statements.finish(head: table("head"), replicas: table("replicas")))
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

        let record = "key, version, created_version, created_ref, updated_ref, deleted_ref, lease_id"
        let live = "FROM \(table("records")) WHERE key >= $1::bytea AND deleted_ref IS NULL"
        let liveUntil = "\(live) AND key < $2::bytea"
        records = names.statement(
            "records",
            "SELECT \(record), value_kind, value FROM \(table("records")) WHERE key = ANY($1::bytea[])"
        )
        // The unbounded ones leave the second parameter unused, so that all have the same.
        keys = names.statement("keys", "SELECT \(record) \(liveUntil) ORDER BY key LIMIT $3::bigint")
        keysToEnd = names.statement(
            "keys_to_end", "SELECT \(record) \(live) AND $2::bytea IS NULL ORDER BY key LIMIT $3::bigint")
        page = names.statement(
            "page",
            Statements.page(of: "\(record), value_kind, value", by: "key", "\(liveUntil) ORDER BY key LIMIT $3::bigint")
        )
        pageToEnd = names.statement(
            "page_to_end",
            Statements.page(
                of: "\(record), value_kind, value", by: "key",
                "\(live) AND $2::bytea IS NULL ORDER BY key LIMIT $3::bigint")
        )
        keysOnLease = names.statement(
            "keys_on_lease",
            "SELECT key FROM \(table("records")) WHERE lease_id = $1::bigint AND deleted_ref IS NULL"
        )
        events = names.statement(
            "events",
            Statements.page(
                of: """
                    ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id,
                    transaction_index, transaction_count, value_kind, value
                    """, by: "ref",
                "FROM \(table("events")) WHERE ref >= $1::bigint AND $2::bytea IS NULL ORDER BY ref LIMIT $3::bigint"
            )
        )

        let lease = "SELECT id, deadline, duration, is_granted FROM \(table("leases"))"
        leases = names.statement("leases", "\(lease) WHERE id = ANY($1::bigint[])")
        leasesFrom = names.statement(
            "leases_from", "\(lease) WHERE id >= $1::bigint ORDER BY id LIMIT $2::bigint")
        leasesDue = names.statement(
            "leases_due", "\(lease) WHERE deadline <= $1::bigint ORDER BY deadline, id LIMIT $2::bigint")

        let consumer = "SELECT name, cursor, updated_at FROM \(table("consumers"))"
        self.consumer = names.statement("consumer", "\(consumer) WHERE name = $1::bytea")
        consumers = names.statement(
            "consumers", "\(consumer) WHERE name > $1::bytea ORDER BY name LIMIT $2::bigint")
        result = names.statement("result", "SELECT result FROM \(table("requests")) WHERE id = $1::bytea")

        let replicas = table("replicas")
        forgetReplicas = Statement(
            "", "DELETE FROM \(replicas) WHERE seen_at < \(Statements.now) - 86400000000")
        join = Statement(
            "",
            """
            INSERT INTO \(replicas) (id, address, started_at, seen_at, last_batch)
            VALUES ($1::text, $2::text, \(Statements.now), \(Statements.now), 0) RETURNING number
            """
        )
        leave = Statement("", "DELETE FROM \(replicas) WHERE number = $1::bigint AND id = $2::text")
        greet = Statement("", "SELECT pg_notify($1::text, $2::text)")
        signOfLife = names.statement("sign_of_life", Statements.signOfLife(replicas: replicas))
        self.replicas = names.statement(
            "replicas",
            "SELECT number, address FROM \(replicas) WHERE seen_at >= \(Statements.now) - $1::bigint ORDER BY number"
        )
        lastBatch = names.statement(
            "last_batch",
            """
            UPDATE \(replicas) SET seen_at = \(Statements.now) WHERE number = $1::bigint AND id = $2::text
            RETURNING last_batch
            """
        )

        trimEvents = names.statement(
            "trim_events",
            """
            DELETE FROM \(table("events")) WHERE ref < least(
                (SELECT oldest_ref FROM \(table("head")) WHERE id = 1),
                (SELECT min(ref) FROM \(table("events"))) + $1::bigint)
            """
        )
        forgetRequests = names.statement(
            "forget_requests",
            """
            DELETE FROM \(table("requests")) WHERE id = ANY(ARRAY(
                SELECT id FROM \(table("requests")) WHERE time < $1::bigint ORDER BY time LIMIT $2::bigint))
            """
        )
    }

    /// All that have a name, for tests that look at their plans.
    var all: [Statement] {
        [
            lockHead, standing, store, finish, putLeases, dropLeases, putConsumers, dropConsumers, putResults, head,
            records, page, pageToEnd, keys, keysToEnd, keysOnLease, leases, leasesFrom, leasesDue, nextDeadline, events,
            consumer, consumers, result, signOfLife, replicas, lastBatch, trimEvents, forgetRequests, Statements.time,
        ]
    }
}

// The longer ones.
extension Statements {
    /// Rows up to a number of bytes: `$3` of them at most, ended by the server before their values exceed `$4`, but
    /// with the first in any case. Lengths are known without reading the values.
    private static func page(of columns: String, by order: String, _ source: String) -> String {
        """
        SELECT \(columns) FROM (
            SELECT *, row_number() OVER so_far AS number, sum(coalesce(octet_length(value), 0)) OVER so_far AS total
            FROM (SELECT \(columns) \(source)) AS page
            WINDOW so_far AS (ORDER BY \(order) ROWS UNBOUNDED PRECEDING)
        ) AS sized WHERE total <= $4::bigint OR number = 1 ORDER BY \(order)
        """
    }

    /// Appends a batch's events to the log, and writes the records that the last of each key leave behind. Both come
    /// from the same arrays, so no value is sent twice.
    ///
    /// Rows that are there are updated, which is cheaper than an insert that meets a conflict, and writes half as much to
    /// the server's log. As many must be there as the batch knows of; if not, somebody has deleted some by hand, and
    /// the division by zero fails the batch.
    private static func store(events: String, records: String) -> String {
        """
        WITH event AS MATERIALIZED (
            SELECT * FROM unnest(
                $1::bigint[], $2::integer[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                $8::bigint[], $9::bigint[], $10::bytea[], $11::integer[], $12::integer[], $13::integer[], $14::bytea[],
                $15::integer[]
            ) AS event (
                ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id,
                transaction_index, transaction_count, value_kind, value, row_change)
        ), logged AS (
            INSERT INTO \(events) (
                ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id,
                transaction_index, transaction_count, value_kind, value)
            SELECT ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id,
                transaction_index, transaction_count, value_kind, value
            FROM event
        ), inserted AS (
            INSERT INTO \(records) (
                key, version, created_version, created_ref, updated_ref, deleted_ref, lease_id, value_kind, value)
            SELECT key, version, created_version, created_ref, ref, CASE WHEN value IS NULL THEN ref END, lease_id,
                value_kind, value
            FROM event WHERE row_change = 2
        ), updated AS (
            UPDATE \(records) AS record SET
                version = event.version, created_version = event.created_version,
                created_ref = event.created_ref, updated_ref = event.ref,
                deleted_ref = CASE WHEN event.value IS NULL THEN event.ref END, lease_id = event.lease_id,
                value_kind = event.value_kind, value = event.value
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
            \(seen(replicas, number: "$5", id: "$6", address: "$7", lastBatch: "$8"))
        )
        SELECT 1 / (SELECT count(*) FROM head), 1 / (SELECT count(*) FROM replica),
            (SELECT pg_notify($9::text, $10::text) WHERE EXISTS (
                SELECT FROM \(replicas) WHERE number > 0 AND number <> $5::bigint AND seen_at >= \(now) - $11::bigint))
        """
    }

    private static func signOfLife(replicas: String) -> String {
        seen(replicas, number: "$1", id: "$2", address: "$3", lastBatch: "NULL")
    }

    /// Notes that a replica was seen, and its last batch unless that is NULL. The row is made anew if somebody has
    /// deleted it.
    private static func seen(
        _ replicas: String, number: String, id: String, address: String, lastBatch: String
    ) -> String {
        """
        INSERT INTO \(replicas) AS replica (number, id, address, started_at, seen_at, last_batch)
            VALUES (\(number)::bigint, \(id)::text, \(address)::text, \(now), \(now), coalesce(\(lastBatch)::bigint, 0))
            ON CONFLICT (number) DO UPDATE SET seen_at = excluded.seen_at,
                last_batch = coalesce(\(lastBatch)::bigint, replica.last_batch)
            WHERE replica.id = excluded.id RETURNING 1
        """
    }
}

/// How the things of a schema are called.
struct Names: Sendable {
    /// The schema, as it is.
    let schema: String

    init(_ schema: String) { self.schema = schema }

    /// The schema, quoted.
    var quotedSchema: String { Names.quoted(schema) }

    /// A table or another thing of the schema, quoted.
    func qualified(_ name: String) -> String { "\(quotedSchema).\(Names.quoted(name))" }

    /// The channel on which the schema's replicas hear each other. PostgreSQL takes 63 bytes at most.
    var channel: String {
        let name = "cairn:\(schema)"
        return name.utf8.count <= 63 ? name : "cairn:\(String(UInt64(bitPattern: lockNumber), radix: 16))"
    }

    /// The number of the advisory lock under which the schema's tables are made and changed: the FNV-1a hash of its
    /// name.
    var lockNumber: Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "cairn \(schema)".utf8 {
            hash ^= UInt64(byte)
            hash &*= 0x100_0000_01B3
        }
        return Int64(bitPattern: hash)
    }

    /// An identifier as it stands in a statement.
    static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }

    fileprivate func statement(_ name: String, _ sql: String) -> Statement { Statement("cairn_\(name)", sql) }
}
