internal import CairnModel

/// The tables, as version ``Schema/version`` has them. `docs/formats/mysql.md` explains each column.
///
/// Whatever a caller may choose is binary, so that it is kept and compared byte by byte, whatever character set the
/// database has. Values come last in their rows; InnoDB keeps a large one on pages of its own.
enum Schema {
    /// The number of the last migration.
    static let version = 1
    /// What the table `schema` has as its comment: what tells our tables from others.
    static let mark: StaticString = "Cairn: the format of the tables that begin alike"

    /// The tables of version 1, each statement one that may be run again.
    static func tables(_ names: Names) -> [SQL] {
        [schema(names), head(names), records(names), events(names)] + others(names)
    }

    /// Every table is of this kind, whatever the server's defaults are.
    private static let engine: SQL = "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4"

    private static func schema(_ names: Names) -> SQL {
        var sql: SQL = """
            CREATE TABLE IF NOT EXISTS \(names.schema) (
                id TINYINT NOT NULL PRIMARY KEY,
                version INT NOT NULL,
                token BINARY(16) NOT NULL,
                changed_at BIGINT NOT NULL
            ) \(engine) COMMENT='
            """
        sql.append(mark)
        sql.append("'" as StaticString)
        return sql
    }

    private static func head(_ names: Names) -> SQL {
        """
        CREATE TABLE IF NOT EXISTS \(names.head) (
            id TINYINT NOT NULL PRIMARY KEY,
            last_ref BIGINT NOT NULL,
            oldest_ref BIGINT NOT NULL,
            last_lease_id BIGINT NOT NULL,
            time BIGINT NOT NULL
        ) \(engine)
        """
    }

    private static func records(_ names: Names) -> SQL {
        """
        CREATE TABLE IF NOT EXISTS \(names.records) (
            `key` VARBINARY(1024) NOT NULL PRIMARY KEY,
            version BIGINT NOT NULL,
            created_version BIGINT NOT NULL,
            created_ref BIGINT NOT NULL,
            updated_ref BIGINT NOT NULL,
            deleted_ref BIGINT NULL,
            lease_id BIGINT NOT NULL,
            lock_token BIGINT NOT NULL,
            value_kind INT NOT NULL,
            value LONGBLOB NULL,
            KEY records_by_lease (lease_id, deleted_ref)
        ) \(engine)
        """
    }

    private static func events(_ names: Names) -> SQL {
        """
        CREATE TABLE IF NOT EXISTS \(names.events) (
            ref BIGINT NOT NULL PRIMARY KEY,
            kind INT NOT NULL,
            `key` VARBINARY(1024) NOT NULL,
            version BIGINT NOT NULL,
            lease_id BIGINT NOT NULL,
            created_ref BIGINT NOT NULL,
            created_version BIGINT NOT NULL,
            previous_ref BIGINT NULL,
            time BIGINT NOT NULL,
            client_id VARBINARY(4096) NOT NULL,
            transaction_index INT NOT NULL,
            transaction_count INT NOT NULL,
            lock_token BIGINT NOT NULL,
            value_kind INT NOT NULL,
            value LONGBLOB NULL
        ) \(engine)
        """
    }

    private static func others(_ names: Names) -> [SQL] {
        [
            """
            CREATE TABLE IF NOT EXISTS \(names.leases) (
                id BIGINT NOT NULL PRIMARY KEY,
                deadline BIGINT NULL,
                duration BIGINT NULL,
                is_granted TINYINT NOT NULL,
                KEY leases_by_deadline (deadline, id)
            ) \(engine)
            """,
            """
            CREATE TABLE IF NOT EXISTS \(names.locks) (
                token BIGINT NOT NULL PRIMARY KEY,
                `key` VARBINARY(1024) NOT NULL,
                owner VARBINARY(4096) NOT NULL,
                mode INT NOT NULL,
                deadline BIGINT NOT NULL,
                duration BIGINT NOT NULL,
                KEY locks_by_deadline (deadline, token)
            ) \(engine)
            """,
            """
            CREATE TABLE IF NOT EXISTS \(names.consumers) (
                name VARBINARY(1024) NOT NULL PRIMARY KEY,
                `cursor` BIGINT NOT NULL,
                updated_at BIGINT NOT NULL
            ) \(engine)
            """,
            """
            CREATE TABLE IF NOT EXISTS \(names.requests) (
                time BIGINT NOT NULL,
                id BINARY(16) NOT NULL,
                part INT NOT NULL,
                result LONGBLOB NOT NULL,
                PRIMARY KEY (time, id, part),
                KEY requests_by_id (id)
            ) \(engine)
            """,
            """
            CREATE TABLE IF NOT EXISTS \(names.replicas) (
                number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
                id VARBINARY(64) NOT NULL,
                address VARBINARY(512) NOT NULL,
                started_at BIGINT NOT NULL,
                seen_at BIGINT NOT NULL,
                last_batch BIGINT NULL
            ) \(engine)
            """,
        ]
    }

    /// Views for people: keys and values as text, times as ISO 8601, kinds by name.
    static func views(_ names: Names) -> [SQL] {
        [
            """
            CREATE OR REPLACE SQL SECURITY INVOKER VIEW \(names.recordsText) AS SELECT
                CONVERT(`key` USING utf8mb4) AS `key`, CONVERT(value USING utf8mb4) AS value, version, created_version,
                created_ref, updated_ref, deleted_ref, lease_id, lock_token, deleted_ref IS NULL AS is_live
            FROM \(names.records)
            """,
            """
            CREATE OR REPLACE SQL SECURITY INVOKER VIEW \(names.eventsText) AS SELECT
                ref,
                CASE kind WHEN 1 THEN 'created' WHEN 2 THEN 'updated' WHEN 3 THEN 'deleted' WHEN 4 THEN 'expired'
                    WHEN 5 THEN 'locked' WHEN 6 THEN 'unlocked' WHEN 7 THEN 'pruned'
                    ELSE CONCAT('kind ', kind) END AS kind,
                CONVERT(`key` USING utf8mb4) AS `key`, CONVERT(value USING utf8mb4) AS value, version, previous_ref,
                lease_id, \(isoTime("time")) AS time, CONVERT(client_id USING utf8mb4) AS client_id,
                transaction_index, transaction_count, lock_token
            FROM \(names.events)
            """,
            """
            CREATE OR REPLACE SQL SECURITY INVOKER VIEW \(names.leasesText) AS SELECT
                id, \(isoTime("deadline")) AS deadline, duration / 1000000 AS duration_seconds, is_granted,
                (SELECT COUNT(*) FROM \(names.records) AS held
                    WHERE held.lease_id = \(names.leases).id AND held.deleted_ref IS NULL) AS `keys`
            FROM \(names.leases)
            """,
            """
            CREATE OR REPLACE SQL SECURITY INVOKER VIEW \(names.locksText) AS SELECT
                token, CONVERT(`key` USING utf8mb4) AS `key`, CONVERT(owner USING utf8mb4) AS owner,
                CASE mode WHEN 0 THEN 'exclusive' WHEN 1 THEN 'write' ELSE CONCAT('mode ', mode) END AS mode,
                \(isoTime("deadline")) AS deadline, duration / 1000000 AS duration_seconds
            FROM \(names.locks)
            """,
            """
            CREATE OR REPLACE SQL SECURITY INVOKER VIEW \(names.consumersText) AS SELECT
                CONVERT(name USING utf8mb4) AS name, `cursor`, \(isoTime("updated_at")) AS updated_at
            FROM \(names.consumers)
            """,
            """
            CREATE OR REPLACE SQL SECURITY INVOKER VIEW \(names.replicasText) AS SELECT
                number, CONVERT(id USING utf8mb4) AS id, CONVERT(address USING utf8mb4) AS address,
                \(isoTime("started_at")) AS started_at, \(isoTime("seen_at")) AS seen_at, last_batch
            FROM \(names.replicas)
            """,
        ]
    }

    /// A column of microseconds as ISO 8601.
    private static func isoTime(_ column: SQL) -> SQL {
        "DATE_FORMAT(DATE_ADD('1970-01-01', INTERVAL \(column) MICROSECOND), '%Y-%m-%dT%H:%i:%s.%fZ')"
    }
}

/// The names of the tables of one home, which all begin alike.
struct Names: Sendable {
    let schema, head, records, events, leases, locks, consumers, requests, replicas: Identifier
    let recordsText, eventsText, leasesText, locksText, consumersText, replicasText: Identifier

    init(prefix: Identifier?) {
        schema = Identifier(prefix: prefix, "schema")
        head = Identifier(prefix: prefix, "head")
        records = Identifier(prefix: prefix, "records")
        events = Identifier(prefix: prefix, "events")
        leases = Identifier(prefix: prefix, "leases")
        locks = Identifier(prefix: prefix, "locks")
        consumers = Identifier(prefix: prefix, "consumers")
        requests = Identifier(prefix: prefix, "requests")
        replicas = Identifier(prefix: prefix, "replicas")
        recordsText = Identifier(prefix: prefix, "records_text")
        eventsText = Identifier(prefix: prefix, "events_text")
        leasesText = Identifier(prefix: prefix, "leases_text")
        locksText = Identifier(prefix: prefix, "locks_text")
        consumersText = Identifier(prefix: prefix, "consumers_text")
        replicasText = Identifier(prefix: prefix, "replicas_text")
    }

    /// All of them.
    var all: [Identifier] {
        [
            schema, head, records, events, leases, locks, consumers, requests, replicas, recordsText, eventsText,
            leasesText, locksText, consumersText, replicasText,
        ]
    }
}
