/// The tables of the file, as version ``Schema/version`` has them. `docs/formats/sqlite.md` explains each column.
enum Schema {
    /// `PRAGMA application_id` of every store: the letters CAIR. It is what tells our files from others.
    static let applicationID: Int32 = 0x4341_4952
    /// `PRAGMA user_version`: the number of the last migration.
    static let version: Int32 = 1

    /// The tables of version 1.
    ///
    /// Values come last in their rows: SQLite reads a row from the front, so a large value costs nothing to who wants
    /// the other columns.
    static let tables = """
        CREATE TABLE head (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            last_ref INTEGER NOT NULL,
            oldest_ref INTEGER NOT NULL,
            last_lease_id INTEGER NOT NULL,
            time INTEGER NOT NULL
        ) STRICT;
        INSERT INTO head VALUES (1, 0, 1, 0, 0);
        CREATE TABLE records (
            key BLOB NOT NULL PRIMARY KEY,
            version INTEGER NOT NULL,
            created_version INTEGER NOT NULL,
            created_ref INTEGER NOT NULL,
            updated_ref INTEGER NOT NULL,
            deleted_ref INTEGER,
            lease_id INTEGER NOT NULL,
            lock_token INTEGER NOT NULL,
            value_kind INTEGER NOT NULL,
            value BLOB
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX records_by_lease ON records (lease_id) WHERE deleted_ref IS NULL;
        CREATE TABLE events (
            ref INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL,
            key BLOB NOT NULL,
            version INTEGER NOT NULL,
            lease_id INTEGER NOT NULL,
            created_ref INTEGER NOT NULL,
            created_version INTEGER NOT NULL,
            previous_ref INTEGER,
            time INTEGER NOT NULL,
            client_id TEXT NOT NULL,
            transaction_index INTEGER NOT NULL,
            transaction_count INTEGER NOT NULL,
            lock_token INTEGER NOT NULL,
            value_kind INTEGER NOT NULL,
            value BLOB
        ) STRICT;
        CREATE TABLE leases (
            id INTEGER PRIMARY KEY,
            deadline INTEGER,
            duration INTEGER,
            is_granted INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX leases_by_deadline ON leases (deadline) WHERE deadline IS NOT NULL;
        CREATE TABLE locks (
            token INTEGER PRIMARY KEY,
            key BLOB NOT NULL,
            owner TEXT NOT NULL,
            mode INTEGER NOT NULL,
            deadline INTEGER NOT NULL,
            duration INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX locks_by_deadline ON locks (deadline);
        CREATE TABLE consumers (
            name TEXT NOT NULL PRIMARY KEY,
            cursor INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE requests (
            number INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE,
            time INTEGER NOT NULL,
            result TEXT NOT NULL
        ) STRICT;
        CREATE INDEX requests_by_time ON requests (time);
        """

    /// Views for people: keys and values as text, times as ISO 8601, kinds by name.
    static let views = """
        CREATE VIEW records_text AS SELECT
            CAST(key AS TEXT) AS key, CAST(value AS TEXT) AS value, version, created_version, created_ref, updated_ref,
            deleted_ref, lease_id, lock_token, deleted_ref IS NULL AS is_live
        FROM records;
        CREATE VIEW events_text AS SELECT
            ref,
            CASE kind WHEN 1 THEN 'created' WHEN 2 THEN 'updated' WHEN 3 THEN 'deleted' WHEN 4 THEN 'expired'
                WHEN 5 THEN 'locked' WHEN 6 THEN 'unlocked' WHEN 7 THEN 'pruned' ELSE 'kind ' || kind END AS kind,
            CAST(key AS TEXT) AS key, CAST(value AS TEXT) AS value, version, previous_ref, lease_id,
            \(isoTime("time")) AS time, client_id, transaction_index, transaction_count, lock_token
        FROM events;
        CREATE VIEW leases_text AS SELECT
            id, \(isoTime("deadline")) AS deadline, duration / 1e6 AS duration_seconds, is_granted,
            (SELECT count(*) FROM records WHERE records.lease_id = leases.id AND deleted_ref IS NULL) AS keys
        FROM leases;
        CREATE VIEW locks_text AS SELECT
            token, CAST(key AS TEXT) AS key, owner, CASE mode WHEN 0 THEN 'exclusive' WHEN 1 THEN 'write'
                ELSE 'mode ' || mode END AS mode,
            \(isoTime("deadline")) AS deadline, duration / 1e6 AS duration_seconds
        FROM locks;
        """

    /// A column of microseconds as ISO 8601. `strftime` rounds to milliseconds, so the fraction is written by itself.
    private static func isoTime(_ column: String) -> String {
        "strftime('%Y-%m-%dT%H:%M:%S', \(column) / 1000000, 'unixepoch') || printf('.%06dZ', \(column) % 1000000)"
    }
}
