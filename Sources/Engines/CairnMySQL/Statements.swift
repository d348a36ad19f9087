internal import CairnKeyspace
internal import CairnModel

/// All statements that a home runs once its tables are made: here, and nowhere else, so that a test can have the server
/// explain each.
///
/// Where a query must go by an index it says so: the server's guess goes by statistics that may be old, and a wrong
/// guess reads the whole table while a batch holds the lock.
struct Statements: Sendable {
    let names: Names

    // MARK: Time

    /// The server's time in microseconds. `NOW` and its kin are the time at which a statement began.
    static let now: SQL = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))"

    // MARK: Transactions

    static let begin: SQL = "START TRANSACTION"
    /// Has what follows an unnoticed end of a batch's transaction wait for a COMMIT, too.
    static let holdCommits: SQL = "SET autocommit = 0"
    /// The opposite, after the batch.
    static let releaseCommits: SQL = "SET autocommit = 1"
    /// Begins to read one moment, the latest: the view is made by this statement, not by the first query.
    static let beginSnapshot: SQL = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    static let commit: SQL = "COMMIT"
    static let rollback: SQL = "ROLLBACK"
    /// Whether the server is set to be read only, and so isn't the primary.
    static let isReadOnly: SQL = "SELECT @@GLOBAL.read_only"

    // MARK: Batches

    /// Takes the lock that lets one batch run at a time, and reads the latest head, not that of a snapshot.
    var lockHead: SQL { "SELECT last_ref, oldest_ref, last_lease_id, time FROM \(names.head) WHERE id = 1 FOR UPDATE" }

    /// The time, the earliest deadline, and whether the server is read only. In a transaction that has locked the head
    /// and read nothing else, this is what makes the snapshot that the batch reads.
    var batchStart: SQL {
        "SELECT \(Statements.now), \(firstDeadline), @@GLOBAL.read_only"
    }

    /// Moves the head, if it still is where the batch found it.
    ///
    /// A node of a Galera cluster that takes over another node's batch undoes an open one without a word, and may do so
    /// between two statements of one packet: the statement after that begins a transaction of its own. So this comes
    /// first in a batch and ``checkHead(_:)`` last, and both are in one transaction with all between them.
    func updateHead(_ head: Head, from old: Head) -> SQL {
        """
        UPDATE \(names.head) SET last_ref = \(head.lastRef.rawValue), oldest_ref = \(head.oldestRef.rawValue), \
        last_lease_id = \(head.lastLeaseID.rawValue), time = \(head.time.rawValue) \
        WHERE id = 1 AND last_ref = \(old.lastRef.rawValue) AND oldest_ref = \(old.oldestRef.rawValue) \
        AND last_lease_id = \(old.lastLeaseID.rawValue) AND time = \(old.time.rawValue)
        """
    }

    /// Fails, for having two rows where there may be one, unless the head is this.
    func checkHead(_ head: Head) -> SQL {
        """
        SELECT (SELECT n FROM (SELECT 1 AS n UNION ALL SELECT 2) AS two WHERE NOT EXISTS (\
        SELECT 1 FROM \(names.head) WHERE id = 1 AND last_ref = \(head.lastRef.rawValue) \
        AND oldest_ref = \(head.oldestRef.rawValue) AND last_lease_id = \(head.lastLeaseID.rawValue) \
        AND time = \(head.time.rawValue)))
        """
    }

    var insertEvents: SQL {
        """
        INSERT INTO \(names.events) (ref, kind, `key`, version, lease_id, created_ref, created_version, previous_ref, \
        time, client_id, transaction_index, transaction_count, lock_token, value_kind, value) VALUES
        """
    }

    func row(_ event: Event) -> SQL {
        var row: SQL = "(\(event.ref.rawValue),\(Int(event.kind.rawValue)),\(event.key.bytes),\(event.version),"
        row.reserve(160 + SQL.literalBytes(event.value?.bytes.count ?? 0))
        row.append("\(event.leaseID.rawValue),\(event.createdRef.rawValue),\(event.createdVersion)," as SQL)
        row.append(event.previousRef?.rawValue)
        row.append(",\(event.time.rawValue),\(Array(event.clientID.utf8))," as SQL)
        row.append("\(Int(event.transactionIndex)),\(Int(event.transactionCount))," as SQL)
        row.append("\(event.lockToken.rawValue),\(Int(event.value?.kind.rawValue ?? 0))," as SQL)
        row.append(optionalHex: event.value?.bytes)
        row.append(")" as StaticString)
        return row
    }

    var insertRecords: SQL {
        """
        INSERT INTO \(names.records) (`key`, version, created_version, created_ref, updated_ref, deleted_ref, \
        lease_id, lock_token, value_kind, value)
        """
    }

    func row(_ record: Record) -> SQL {
        var row: SQL = "(\(record.key.bytes),\(record.version),\(record.createdVersion),\(record.createdRef.rawValue),"
        row.append("\(record.updatedRef.rawValue)," as SQL)
        row.append(record.deletedRef?.rawValue)
        row.append(",\(record.leaseID.rawValue),\(record.lockToken.rawValue)," as SQL)
        row.append("\(Int(record.value.kind.rawValue))," as SQL)
        row.append(optionalHex: record.isLive ? record.value.bytes : nil)
        row.append(")" as StaticString)
        return row
    }

    /// What ``insertRecords`` ends with.
    static let updateRecords: SQL = """
         ON DUPLICATE KEY UPDATE version = VALUES(version), created_version = VALUES(created_version), \
        created_ref = VALUES(created_ref), updated_ref = VALUES(updated_ref), deleted_ref = VALUES(deleted_ref), \
        lease_id = VALUES(lease_id), lock_token = VALUES(lock_token), value_kind = VALUES(value_kind), \
        value = VALUES(value)
        """

    /// Brings the records to the state after these events, except those that are not the last of their key.
    ///
    /// A record says nothing that the last event of its key doesn't, so the server copies it, and each value is sent
    /// once. An event without a value is one that ended its key.
    func copyRecords(from first: Ref, through last: Ref, except superseded: [Ref]) -> SQL {
        var sql: SQL = """
            \(insertRecords) SELECT `key`, version, created_version, created_ref, ref, IF(value IS NULL, ref, NULL), \
            lease_id, lock_token, value_kind, value FROM \(names.events) FORCE INDEX (PRIMARY) \
            WHERE ref >= \(first.rawValue) AND ref <= \(last.rawValue)
            """
        if !superseded.isEmpty {
            sql.append(" AND ref NOT IN (" as StaticString)
            sql.append(list: superseded) { $0.append($1.rawValue) }
            sql.append(")" as StaticString)
        }
        sql.append(Statements.updateRecords)
        return sql
    }

    var insertLeases: SQL { "INSERT INTO \(names.leases) (id, deadline, duration, is_granted) VALUES" }

    func row(_ lease: Lease) -> SQL {
        var row: SQL = "(\(lease.id.rawValue),"
        row.append(lease.deadline?.rawValue)
        row.append("," as StaticString)
        row.append(lease.duration?.microseconds)
        row.append(",\(lease.isGranted ? 1 : 0))" as SQL)
        return row
    }

    /// What ``insertLeases`` ends with.
    static let updateLeases: SQL = """
         ON DUPLICATE KEY UPDATE deadline = VALUES(deadline), duration = VALUES(duration), \
        is_granted = VALUES(is_granted)
        """

    func deleteLeases(_ ids: some Collection<LeaseID>) -> SQL {
        var sql: SQL = "DELETE FROM \(names.leases) WHERE id IN ("
        sql.append(list: ids) { $0.append($1.rawValue) }
        sql.append(")" as StaticString)
        return sql
    }

    var insertLocks: SQL {
        "INSERT INTO \(names.locks) (token, `key`, owner, mode, deadline, duration) VALUES"
    }

    func row(_ lock: Lock) -> SQL {
        """
        (\(lock.token.rawValue),\(lock.key.bytes),\(Array(lock.owner.utf8)),\(Int(lock.mode.rawValue)),\
        \(lock.deadline.rawValue),\(lock.duration.microseconds))
        """
    }

    /// What ``insertLocks`` ends with.
    static let updateLocks: SQL = """
         ON DUPLICATE KEY UPDATE deadline = VALUES(deadline), duration = VALUES(duration), mode = VALUES(mode)
        """

    func deleteLocks(_ tokens: some Collection<Ref>) -> SQL {
        var sql: SQL = "DELETE FROM \(names.locks) WHERE token IN ("
        sql.append(list: tokens) { $0.append($1.rawValue) }
        sql.append(")" as StaticString)
        return sql
    }

    var insertConsumers: SQL { "INSERT INTO \(names.consumers) (name, `cursor`, updated_at) VALUES" }

    func row(_ consumer: Consumer) -> SQL {
        "(\(Array(consumer.name.utf8)),\(consumer.cursor.rawValue),\(consumer.updatedAt.rawValue))"
    }

    /// What ``insertConsumers`` ends with.
    static let updateConsumers: SQL = """
         ON DUPLICATE KEY UPDATE `cursor` = VALUES(`cursor`), updated_at = VALUES(updated_at)
        """

    func deleteConsumers(_ names: some Collection<String>) -> SQL {
        var sql: SQL = "DELETE FROM \(self.names.consumers) WHERE name IN ("
        sql.append(list: names) { $0.append(hex: Array($1.utf8)) }
        sql.append(")" as StaticString)
        return sql
    }

    var insertRequests: SQL { "INSERT INTO \(names.requests) (time, id, part, result) VALUES" }

    func row(_ request: RequestID, at time: Timestamp, part: Int, _ result: ArraySlice<UInt8>) -> SQL {
        var row: SQL = "(\(time.rawValue),\(request.bytes),\(part),"
        row.append(hex: result)
        row.append(")" as StaticString)
        return row
    }

    /// What ``insertRequests`` ends with.
    static let updateRequests: SQL = " ON DUPLICATE KEY UPDATE result = VALUES(result)"

    /// Notes the last batch of a replica, in the batch's transaction.
    ///
    /// A replica that was silent for so long that others have forgotten it is registered again.
    func noteBatch(_ batch: Int64, of number: Int64, _ registration: Registration) -> SQL {
        """
        INSERT INTO \(names.replicas) (number, id, address, started_at, seen_at, last_batch) VALUES \
        (\(number),\(Array(registration.id.utf8)),\(Array(registration.address.utf8)),\(Statements.now),\
        \(Statements.now),\(batch)) \
        ON DUPLICATE KEY UPDATE seen_at = GREATEST(seen_at + 1, VALUES(seen_at)), last_batch = VALUES(last_batch)
        """
    }
}

extension SQL {
    /// Appends a list with commas.
    mutating func append<Elements: Collection>(list: Elements, _ write: (inout SQL, Elements.Element) -> Void) {
        var isFirst = true
        for element in list {
            if !isFirst { append("," as StaticString) }
            isFirst = false
            write(&self, element)
        }
    }
}
