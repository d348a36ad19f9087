internal import CairnModel
internal import CairnSQL

// Queries. Their columns are in the order in which `Rows` reads them.
extension Statements {
    // MARK: Records

    private static let recordColumns: SQL = """
        `key`, version, created_version, created_ref, updated_ref, deleted_ref, lease_id, lock_token
        """

    /// The records of these keys, at most ``keysAtOnce``.
    func records(_ keys: some Collection<Key>, withValues: Bool = true) -> SQL {
        var sql: SQL = "SELECT \(Statements.recordColumns)"
        if withValues { sql.append(", value_kind, value" as StaticString) }
        sql.append(" FROM \(names.records) FORCE INDEX (PRIMARY) WHERE `key` IN (" as SQL)
        sql.append(list: keys) { $0.append(hex: $1.bytes) }
        sql.append(")" as StaticString)
        return sql
    }

    /// MariaDB turns longer lists into temporary tables.
    static let keysAtOnce = 500

    /// The live records of a range. With `valueBytes`, also the size of each value, and those values that are no
    /// larger.
    func records(in range: KeyRange, limit: Int, valueBytes: Int?) -> SQL {
        var sql: SQL = "SELECT \(Statements.recordColumns)"
        if let valueBytes {
            sql.append(", value_kind, IF(LENGTH(value) <= \(valueBytes), value, NULL), LENGTH(value)" as SQL)
        }
        sql.append(" FROM \(names.records) FORCE INDEX (PRIMARY) WHERE `key` >= \(range.lower.bytes)" as SQL)
        if let upper = range.upper { sql.append(" AND `key` < \(upper.bytes)" as SQL) }
        sql.append(" AND deleted_ref IS NULL ORDER BY `key` LIMIT \(limit)" as SQL)
        return sql
    }

    /// The records of a range without their values, tombstones included.
    func recordsEver(in range: KeyRange, limit: Int) -> SQL {
        var sql: SQL = """
            SELECT \(Statements.recordColumns) FROM \(names.records) FORCE INDEX (PRIMARY) \
            WHERE `key` >= \(range.lower.bytes)
            """
        if let upper = range.upper { sql.append(" AND `key` < \(upper.bytes)" as SQL) }
        sql.append(" ORDER BY `key` LIMIT \(limit)" as SQL)
        return sql
    }

    /// The live keys of ranges, which are in order and don't overlap; at most ``keysAtOnce`` of them.
    func keys(in ranges: some Collection<KeyRange>, limit: Int) -> SQL {
        var sql: SQL = "SELECT `key` FROM \(names.records) FORCE INDEX (PRIMARY) WHERE deleted_ref IS NULL AND ("
        var isFirst = true
        for range in ranges {
            if !isFirst { sql.append(" OR " as StaticString) }
            isFirst = false
            if let upper = range.upper {
                sql.append("(`key` >= \(range.lower.bytes) AND `key` < \(upper.bytes))" as SQL)
            } else {
                sql.append("`key` >= \(range.lower.bytes)" as SQL)
            }
        }
        sql.append(") ORDER BY `key` LIMIT \(limit)" as SQL)
        return sql
    }

    func keys(on lease: LeaseID, limit: Int) -> SQL {
        """
        SELECT lease_id, `key` FROM \(names.records) FORCE INDEX (records_by_lease) \
        WHERE lease_id = \(lease.rawValue) AND deleted_ref IS NULL ORDER BY `key` LIMIT \(limit)
        """
    }

    // MARK: Leases

    private static let leaseColumns: SQL = "id, deadline, duration, is_granted"

    func leases(_ ids: some Collection<LeaseID>) -> SQL {
        var sql: SQL = "SELECT \(Statements.leaseColumns) FROM \(names.leases) FORCE INDEX (PRIMARY) WHERE id IN ("
        sql.append(list: ids) { $0.append($1.rawValue) }
        sql.append(")" as StaticString)
        return sql
    }

    func leases(from first: LeaseID, limit: Int) -> SQL {
        """
        SELECT \(Statements.leaseColumns) FROM \(names.leases) FORCE INDEX (PRIMARY) \
        WHERE id >= \(first.rawValue) ORDER BY id LIMIT \(limit)
        """
    }

    func leases(dueAt time: Timestamp, limit: Int) -> SQL {
        """
        SELECT \(Statements.leaseColumns) FROM \(names.leases) FORCE INDEX (leases_by_deadline) \
        WHERE deadline <= \(time.rawValue) ORDER BY deadline, id LIMIT \(limit)
        """
    }

    var nextDeadline: SQL { "SELECT \(firstDeadline)" }

    /// The earliest deadline of all leases and locks, as an expression. `LEAST` of a NULL would be NULL.
    var firstDeadline: SQL {
        """
        NULLIF(LEAST(COALESCE((SELECT MIN(deadline) FROM \(names.leases)), \(Int.max)), \
        COALESCE((SELECT MIN(deadline) FROM \(names.locks)), \(Int.max))), \(Int.max))
        """
    }

    // MARK: Locks

    private static let lockColumns: SQL = "token, `key`, owner, mode, deadline, duration"

    func locks(_ tokens: some Collection<Ref>) -> SQL {
        var sql: SQL = "SELECT \(Statements.lockColumns) FROM \(names.locks) FORCE INDEX (PRIMARY) WHERE token IN ("
        sql.append(list: tokens) { $0.append($1.rawValue) }
        sql.append(")" as StaticString)
        return sql
    }

    func locks(from first: Ref, limit: Int) -> SQL {
        """
        SELECT \(Statements.lockColumns) FROM \(names.locks) FORCE INDEX (PRIMARY) \
        WHERE token >= \(first.rawValue) ORDER BY token LIMIT \(limit)
        """
    }

    func locks(dueAt time: Timestamp, limit: Int) -> SQL {
        """
        SELECT \(Statements.lockColumns) FROM \(names.locks) FORCE INDEX (locks_by_deadline) \
        WHERE deadline <= \(time.rawValue) ORDER BY deadline, token LIMIT \(limit)
        """
    }

    // MARK: The log

    var head: SQL { "SELECT last_ref, oldest_ref, last_lease_id, time FROM \(names.head) WHERE id = 1" }

    static let time: SQL = "SELECT \(Statements.now)"

    private static let eventColumns: SQL = """
        ref, kind, `key`, version, lease_id, created_ref, created_version, previous_ref, time, client_id, \
        transaction_index, transaction_count, lock_token, value_kind
        """

    /// The events with these refs, at most ``keysAtOnce``.
    func events(_ refs: some Collection<Ref>) -> SQL {
        var sql: SQL = """
            SELECT \(Statements.eventColumns), value FROM \(names.events) FORCE INDEX (PRIMARY) WHERE ref IN (
            """
        sql.append(list: refs) { $0.append($1.rawValue) }
        sql.append(")" as StaticString)
        return sql
    }

    /// Events with the size of each value, and those values that are no larger than `valueBytes`.
    func events(from first: Ref, limit: Int, valueBytes: Int) -> SQL {
        """
        SELECT \(Statements.eventColumns), IF(LENGTH(value) <= \(valueBytes), value, NULL), \
        LENGTH(value) \
        FROM \(names.events) FORCE INDEX (PRIMARY) WHERE ref >= \(first.rawValue) ORDER BY ref LIMIT \(limit)
        """
    }

    /// The values of events that a first query found too large to fetch unasked.
    func eventValues(_ refs: some Collection<Ref>) -> SQL {
        var sql: SQL = "SELECT ref, value_kind, value FROM \(names.events) FORCE INDEX (PRIMARY) WHERE ref IN ("
        sql.append(list: refs) { $0.append($1.rawValue) }
        sql.append(")" as StaticString)
        return sql
    }

    // MARK: Consumers and requests

    func consumer(_ name: String) -> SQL {
        "SELECT name, `cursor`, updated_at FROM \(names.consumers) WHERE name = \(Array(name.utf8))"
    }

    /// The consumers of these names, at most ``keysAtOnce``.
    func consumers(_ wanted: some Collection<String>) -> SQL {
        var sql: SQL = "SELECT name, `cursor`, updated_at FROM \(names.consumers) FORCE INDEX (PRIMARY) WHERE name IN ("
        sql.append(list: wanted) { $0.append(hex: Array($1.utf8)) }
        sql.append(")" as StaticString)
        return sql
    }

    func consumers(after name: String, limit: Int) -> SQL {
        """
        SELECT name, `cursor`, updated_at FROM \(names.consumers) FORCE INDEX (PRIMARY) \
        WHERE name > \(Array(name.utf8)) ORDER BY name LIMIT \(limit)
        """
    }

    /// The parts of a request's result; those of the latest time, should there be several, come last.
    func result(of request: RequestID) -> SQL {
        """
        SELECT time, result FROM \(names.requests) FORCE INDEX (requests_by_id) \
        WHERE id = \(request.bytes) ORDER BY time, part
        """
    }
}

// What a replica does to be known, and what keeps the tables small.
extension Statements {
    // MARK: Replicas

    func join(_ registration: Registration) -> SQL {
        """
        INSERT INTO \(names.replicas) (id, address, started_at, seen_at, last_batch) VALUES \
        (\(Array(registration.id.utf8)),\(Array(registration.address.utf8)),\(Statements.now),\(Statements.now),0)
        """
    }

    static let lastNumber: SQL = "SELECT LAST_INSERT_ID()"

    /// Replicas that were silent for so many microseconds are taken for gone.
    func forgetReplicas(silentFor microseconds: Int64) -> SQL {
        "DELETE FROM \(names.replicas) WHERE seen_at < \(Statements.now) - \(microseconds)"
    }

    /// Registers a replica again that others have forgotten. What its last batch was isn't known any more.
    func rejoin(_ number: Int64, _ registration: Registration) -> SQL {
        """
        INSERT IGNORE INTO \(names.replicas) (number, id, address, started_at, seen_at, last_batch) VALUES \
        (\(number),\(Array(registration.id.utf8)),\(Array(registration.address.utf8)),\(Statements.now),\
        \(Statements.now),NULL)
        """
    }

    /// Always changes the row, so that it is a write on every kind of server.
    func touch(_ number: Int64) -> SQL {
        "UPDATE \(names.replicas) SET seen_at = GREATEST(seen_at + 1, \(Statements.now)) WHERE number = \(number)"
    }

    func leave(_ number: Int64) -> SQL { "DELETE FROM \(names.replicas) WHERE number = \(number)" }

    func lastBatch(of number: Int64) -> SQL { "SELECT last_batch FROM \(names.replicas) WHERE number = \(number)" }

    func replicas(seenWithin microseconds: Int64) -> SQL {
        """
        SELECT number, address FROM \(names.replicas) \
        WHERE seen_at >= \(Statements.now) - \(microseconds) ORDER BY number
        """
    }

    // MARK: Upkeep

    /// The first event that is kept, and the first that may be read.
    var releasedEvents: SQL {
        "SELECT (SELECT MIN(ref) FROM \(names.events)), (SELECT oldest_ref FROM \(names.head) WHERE id = 1)"
    }

    func deleteEvents(before ref: Ref) -> SQL { "DELETE FROM \(names.events) WHERE ref < \(ref.rawValue)" }

    /// One row if there are requests that were last used before `time`.
    func oldRequests(before time: Timestamp) -> SQL {
        "SELECT 1 FROM \(names.requests) FORCE INDEX (PRIMARY) WHERE time < \(time.rawValue) LIMIT 1"
    }

    func deleteRequests(before time: Timestamp, limit: Int) -> SQL {
        "DELETE FROM \(names.requests) WHERE time < \(time.rawValue) ORDER BY time, id, part LIMIT \(limit)"
    }
}

// Settling in: what is asked and set when a connection is opened.
extension Statements {
    /// Variables and status of the server, as rows of names and texts.
    static let facts: SQL = {
        let variables: SQL = """
            SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'read_only', 'super_read_only', \
            'innodb_read_only', 'wsrep_on', 'innodb_page_size', 'innodb_flush_log_at_trx_commit', \
            'innodb_doublewrite', 'innodb_flush_method', 'log_bin', 'sync_binlog', 'binlog_format', \
            'rpl_semi_sync_master_enabled', 'rpl_semi_sync_source_enabled', 'rpl_semi_sync_master_wait_point', \
            'rpl_semi_sync_source_wait_point')
            """
        let status: SQL = """
            SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state', \
            'Slaves_connected', 'Rpl_semi_sync_master_status', 'Rpl_semi_sync_source_status')
            """
        // The packet size is that of the session, as the server took it when the connection was opened.
        return variables.followed(by: status).followed(by: "SELECT 'max_allowed_packet', @@max_allowed_packet")
    }()

    /// The settings of a session.
    ///
    /// Strict, so that nothing is cut off to fit; UTC; and REPEATABLE READ, whose snapshot a batch and a read rely on,
    /// and which every `binlog_format` allows.
    static func settings(for server: ServerFacts, _ role: SessionRole) -> SQL {
        var sql: SQL = """
            SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION time_zone = '+00:00', \
            SESSION autocommit = 1, SESSION innodb_lock_wait_timeout = \(lockWaitSeconds)
            """
        sql.then("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if server.isGalera {
            // A node answers reads only when it has applied what was committed anywhere before.
            sql.then(role == .stale ? "SET SESSION wsrep_sync_wait = 0" : "SET SESSION wsrep_sync_wait = 1")
        }
        guard role == .writing else { return sql }
        // A process that stops in the middle of a batch, or whose host vanishes, must not keep the head locked for
        // long.
        if server.product == "MariaDB" {
            sql.then("SET SESSION idle_transaction_timeout = \(idleTransactionSeconds)")
        } else {
            sql.then("SET SESSION wait_timeout = \(3 * idleTransactionSeconds)")
        }
        return sql
    }

    /// How long a statement waits for a lock.
    private static let lockWaitSeconds = 5
    /// How long a transaction may stay open without a statement.
    private static let idleTransactionSeconds = 10
}
