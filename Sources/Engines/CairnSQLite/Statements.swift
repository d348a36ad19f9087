internal import CairnModel

// Classes, so that who passes one on retains one object and not each statement.

/// The statements that a view runs, prepared once for a connection.
final class ReadStatements {
    let begin, commit, rollback: Statement
    let head, record, recordWithoutValue, records, recordsToEnd, keys, keysToEnd, everKeys, everKeysToEnd,
        keysOnLease: Statement
    let lease, leases, leasesDue, lock, locks, locksDue, nextDeadline: Statement
    let events, consumer, consumers, result: Statement

    init(_ connection: Connection) throws(StoreError) {
        begin = try connection.prepare("BEGIN")
        commit = try connection.prepare("COMMIT")
        rollback = try connection.prepare("ROLLBACK")
        head = try connection.prepare("SELECT last_ref, oldest_ref, last_lease_id, time FROM head WHERE id = 1")

        let columns = "key, version, created_version, created_ref, updated_ref, deleted_ref, lease_id, lock_token"
        let range = "key >= ?1 AND key < ?2 AND deleted_ref IS NULL ORDER BY key LIMIT ?3"
        let rangeToEnd = "key >= ?1 AND deleted_ref IS NULL ORDER BY key LIMIT ?3"
        let withValue = "\(columns), value_kind, value"
        record = try connection.prepare("SELECT \(withValue) FROM records WHERE key = ?1")
        recordWithoutValue = try connection.prepare("SELECT \(columns) FROM records WHERE key = ?1")
        records = try connection.prepare("SELECT \(withValue) FROM records WHERE \(range)")
        recordsToEnd = try connection.prepare("SELECT \(withValue) FROM records WHERE \(rangeToEnd)")
        keys = try connection.prepare("SELECT \(columns) FROM records WHERE \(range)")
        keysToEnd = try connection.prepare("SELECT \(columns) FROM records WHERE \(rangeToEnd)")
        everKeys = try connection.prepare(
            "SELECT \(columns) FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3")
        everKeysToEnd = try connection.prepare("SELECT \(columns) FROM records WHERE key >= ?1 ORDER BY key LIMIT ?3")
        keysOnLease = try connection.prepare(
            "SELECT key FROM records WHERE lease_id = ?1 AND deleted_ref IS NULL ORDER BY key LIMIT ?2")

        let lease = "SELECT id, deadline, duration, is_granted FROM leases"
        self.lease = try connection.prepare("\(lease) WHERE id = ?1")
        leases = try connection.prepare("\(lease) WHERE id >= ?1 ORDER BY id LIMIT ?2")
        leasesDue = try connection.prepare("\(lease) WHERE deadline <= ?1 ORDER BY deadline, id LIMIT ?2")
        let lock = "SELECT token, key, owner, mode, deadline, duration FROM locks"
        self.lock = try connection.prepare("\(lock) WHERE token = ?1")
        locks = try connection.prepare("\(lock) WHERE token >= ?1 ORDER BY token LIMIT ?2")
        locksDue = try connection.prepare("\(lock) WHERE deadline <= ?1 ORDER BY deadline, token LIMIT ?2")
        nextDeadline = try connection.prepare(
            """
            SELECT min(deadline) FROM (
                SELECT min(deadline) AS deadline FROM leases WHERE deadline IS NOT NULL
                UNION ALL SELECT min(deadline) FROM locks)
            """
        )

        events = try connection.prepare(
            """
            SELECT ref, kind, key, version, lease_id, created_ref, created_version, previous_ref, time, client_id,
                transaction_index, transaction_count, lock_token, value_kind, value
            FROM events WHERE ref >= ?1 ORDER BY ref LIMIT ?2
            """
        )
        consumer = try connection.prepare("SELECT name, cursor, updated_at FROM consumers WHERE name = ?1")
        consumers = try connection.prepare(
            "SELECT name, cursor, updated_at FROM consumers WHERE name > ?1 ORDER BY name LIMIT ?2"
        )
        result = try connection.prepare("SELECT result FROM requests WHERE id = ?1")
    }
}

/// The statements that store a batch.
final class WriteStatements {
    let begin: Statement
    let event, update, upsert: Statement
    let lease, deleteLease, lock, deleteLock, consumer, deleteConsumer, request, forgetRequests, head: Statement
    let trim, touch: Statement

    init(_ connection: Connection) throws(StoreError) {
        begin = try connection.prepare("BEGIN IMMEDIATE")
        event = try connection.prepare("INSERT INTO events VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)")
        // The common change, of a value alone. It names neither `lease_id` nor `deleted_ref`, so SQLite leaves the
        // index by lease in peace; when one of them or the lock would change, it touches no row, and `upsert` is used.
        update = try connection.prepare(
            """
            UPDATE records SET version = ?2, updated_ref = ?3, value_kind = ?4, value = ?5
            WHERE key = ?1 AND lease_id = ?6 AND lock_token = ?7 AND deleted_ref IS NULL
            """
        )
        upsert = try connection.prepare(
            """
            INSERT INTO records VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) ON CONFLICT (key) DO UPDATE SET
                version = excluded.version, created_version = excluded.created_version,
                created_ref = excluded.created_ref, updated_ref = excluded.updated_ref,
                deleted_ref = excluded.deleted_ref, lease_id = excluded.lease_id, lock_token = excluded.lock_token,
                value_kind = excluded.value_kind, value = excluded.value
            """
        )
        lease = try connection.prepare("INSERT OR REPLACE INTO leases VALUES (?1,?2,?3,?4)")
        deleteLease = try connection.prepare("DELETE FROM leases WHERE id = ?1")
        lock = try connection.prepare("INSERT OR REPLACE INTO locks VALUES (?1,?2,?3,?4,?5,?6)")
        deleteLock = try connection.prepare("DELETE FROM locks WHERE token = ?1")
        consumer = try connection.prepare("INSERT OR REPLACE INTO consumers VALUES (?1,?2,?3)")
        deleteConsumer = try connection.prepare("DELETE FROM consumers WHERE name = ?1")
        request = try connection.prepare("INSERT OR REPLACE INTO requests (id, time, result) VALUES (?1,?2,?3)")
        forgetRequests = try connection.prepare(
            "DELETE FROM requests WHERE number IN (SELECT number FROM requests WHERE time < ?1 ORDER BY time LIMIT ?2)"
        )
        head = try connection.prepare(
            "UPDATE head SET last_ref = ?1, oldest_ref = ?2, last_lease_id = ?3, time = ?4 WHERE id = 1"
        )
        trim = try connection.prepare(
            """
            DELETE FROM events WHERE ref IN
                (SELECT ref FROM events WHERE ref < (SELECT oldest_ref FROM head WHERE id = 1) ORDER BY ref LIMIT ?1)
            """
        )
        // Writes a page without changing anything that has a meaning.
        touch = try connection.prepare("PRAGMA user_version = \(Schema.version)")
    }
}
