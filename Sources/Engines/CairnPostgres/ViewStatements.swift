/// The statements of a view.
struct ViewStatements: Sendable {
    let head, nextDeadline, events, eventsByRef: Statement
    let records, recordsWithoutValues, page, pageToEnd, keys, keysToEnd, everKeys, everKeysToEnd: Statement
    let keysOnLeases: Statement
    let leases, leasesFrom, leasesDue: Statement
    let locks, locksFrom, locksDue: Statement
    let consumer, consumersByName, consumers, result: Statement

    init(_ names: Names) {
        func table(_ name: String) -> String { names.qualified(name) }
        head = names.statement("head", names.head)
        nextDeadline = names.statement("next_deadline", "SELECT \(names.firstDeadline)")
        let record = "key, version, created_version, created_ref, updated_ref, deleted_ref, lease_id, lock_token"
        let live = "FROM \(table("records")) WHERE key >= $1::bytea AND deleted_ref IS NULL"
        let liveUntil = "\(live) AND key < $2::bytea"
        records = names.statement(
            "records",
            "SELECT \(record), value_kind, value FROM \(table("records")) WHERE key = ANY($1::bytea[])"
        )
        recordsWithoutValues = names.statement(
            "records_without_values", "SELECT \(record) FROM \(table("records")) WHERE key = ANY($1::bytea[])")
        // The unbounded ones leave the second parameter unused, so that all have the same.
        keys = names.statement("keys", "SELECT \(record) \(liveUntil) ORDER BY key LIMIT $3::bigint")
        keysToEnd = names.statement(
            "keys_to_end", "SELECT \(record) \(live) AND $2::bytea IS NULL ORDER BY key LIMIT $3::bigint")
        let ever = "FROM \(table("records")) WHERE key >= $1::bytea"
        everKeys = names.statement(
            "ever_keys", "SELECT \(record) \(ever) AND key < $2::bytea ORDER BY key LIMIT $3::bigint")
        everKeysToEnd = names.statement(
            "ever_keys_to_end", "SELECT \(record) \(ever) AND $2::bytea IS NULL ORDER BY key LIMIT $3::bigint")
        page = names.statement(
            "page",
            ViewStatements.page(
                of: "\(record), value_kind, value", by: "key", "\(liveUntil) ORDER BY key LIMIT $3::bigint")
        )
        pageToEnd = names.statement(
            "page_to_end",
            ViewStatements.page(
                of: "\(record), value_kind, value", by: "key",
                "\(live) AND $2::bytea IS NULL ORDER BY key LIMIT $3::bigint")
        )
        keysOnLeases = ViewStatements.keysOnLeases(names)
        let event = """
            ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id, \
            transaction_index, transaction_count, lock_token, value_kind, value
            """
        eventsByRef = names.statement(
            "events_by_ref", "SELECT \(event) FROM \(table("events")) WHERE ref = ANY($1::bigint[])")
        events = names.statement(
            "events",
            ViewStatements.page(
                of: event, by: "ref",
                "FROM \(table("events")) WHERE ref >= $1::bigint AND $2::bytea IS NULL ORDER BY ref LIMIT $3::bigint"
            )
        )
        let lease = "SELECT id, deadline, duration, is_granted FROM \(table("leases"))"
        leases = names.statement("leases", "\(lease) WHERE id = ANY($1::bigint[])")
        leasesFrom = names.statement(
            "leases_from", "\(lease) WHERE id >= $1::bigint ORDER BY id LIMIT $2::bigint")
        leasesDue = names.statement(
            "leases_due", "\(lease) WHERE deadline <= $1::bigint ORDER BY deadline, id LIMIT $2::bigint")

        (locks, locksFrom, locksDue) = ViewStatements.locks(names)
        (consumer, consumersByName, consumers) = ViewStatements.consumers(names)
        result = names.statement("result", "SELECT result FROM \(table("requests")) WHERE id = $1::bytea")
    }

    private static func locks(_ names: Names) -> (some: Statement, page: Statement, due: Statement) {
        let lock = "SELECT token, key, owner, mode, deadline, duration FROM \(names.qualified("locks"))"
        return (
            names.statement("locks", "\(lock) WHERE token = ANY($1::bigint[])"),
            names.statement("locks_from", "\(lock) WHERE token >= $1::bigint ORDER BY token LIMIT $2::bigint"),
            names.statement(
                "locks_due", "\(lock) WHERE deadline <= $1::bigint ORDER BY deadline, token LIMIT $2::bigint")
        )
    }

    /// Live keys on several leases, so many of each: one scan of the index for each of them.
    private static func keysOnLeases(_ names: Names) -> Statement {
        names.statement(
            "keys_on_leases",
            """
            SELECT asked.lease_id, found.key
            FROM unnest($1::bigint[], $2::bigint[]) AS asked (lease_id, count) CROSS JOIN LATERAL (
                SELECT key FROM \(names.qualified("records")) WHERE deleted_ref IS NULL AND lease_id = asked.lease_id
                LIMIT asked.count
            ) AS found
            """)
    }

    private static func consumers(_ names: Names) -> (one: Statement, some: Statement, page: Statement) {
        let consumer = "SELECT name, cursor, updated_at FROM \(names.qualified("consumers"))"
        return (
            names.statement("consumer", "\(consumer) WHERE name = $1::bytea"),
            names.statement("consumers_by_name", "\(consumer) WHERE name = ANY($1::bytea[])"),
            names.statement("consumers", "\(consumer) WHERE name > $1::bytea ORDER BY name LIMIT $2::bigint")
        )
    }

    var all: [Statement] {
        [
            head, nextDeadline, events, eventsByRef, records, recordsWithoutValues, page, pageToEnd, keys, keysToEnd,
            everKeys, everKeysToEnd, keysOnLeases, leases, leasesFrom, leasesDue, locks, locksFrom,
            locksDue, consumer, consumersByName, consumers, result,
        ]
    }

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
}
