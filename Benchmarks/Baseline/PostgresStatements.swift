/// The baseline's tables and statements on PostgreSQL.
///
/// The columns are those of Cairn's own tables, in the same order and sizes. The index by lease, which Cairn's records
/// have, is left out: nothing here would use it.
enum PostgresStatements {
    static let tables = """
        CREATE TABLE IF NOT EXISTS baseline_events (
            ref bigserial PRIMARY KEY,
            version bigint NOT NULL,
            lease_id bigint NOT NULL,
            created_ref bigint NOT NULL,
            created_version bigint NOT NULL,
            time bigint NOT NULL,
            kind integer NOT NULL,
            transaction_index integer NOT NULL,
            transaction_count integer NOT NULL,
            value_kind integer NOT NULL,
            previous_ref bigint,
            key bytea NOT NULL,
            client_id bytea NOT NULL,
            value bytea
        );
        CREATE TABLE IF NOT EXISTS baseline_records (
            version bigint NOT NULL,
            created_version bigint NOT NULL,
            created_ref bigint NOT NULL,
            updated_ref bigint NOT NULL,
            lease_id bigint NOT NULL,
            value_kind integer NOT NULL,
            deleted_ref bigint,
            key bytea NOT NULL PRIMARY KEY,
            value bytea
        ) WITH (fillfactor = 80);
        """

    /// The row of key $1.
    static let read = """
        SELECT version, created_version, created_ref, updated_ref, value_kind, value
        FROM baseline_records WHERE key = $1::bytea
        """

    /// The row of key $1, without what a set replaces anyhow.
    static let readForUpdate = """
        SELECT version, created_version, created_ref, updated_ref FROM baseline_records WHERE key = $1::bytea
        """

    /// The event and the record of a change, in the one statement that is also the transaction.
    ///
    /// A record whose version isn't the one before stays as it is, and the division by the number of those written
    /// then undoes the event as well.
    static let write = """
        WITH next AS MATERIALIZED (
            SELECT nextval('baseline_events_ref_seq') AS ref,
                (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS time
        ), event AS (
            INSERT INTO baseline_events (ref, version, lease_id, created_ref, created_version, time, kind,
                transaction_index, transaction_count, value_kind, previous_ref, key, client_id, value)
            SELECT ref, $2::bigint, 0, coalesce($3::bigint, ref), $4::bigint, time, $5::bigint, 0, 1, $6::bigint,
                $7::bigint, $1::bytea, $8::bytea, $9::bytea FROM next
        ), record AS (
            INSERT INTO baseline_records AS record (version, created_version, created_ref, updated_ref, lease_id,
                value_kind, deleted_ref, key, value)
            SELECT $2::bigint, $4::bigint, coalesce($3::bigint, ref), ref, 0, $6::bigint, NULL, $1::bytea, $9::bytea
                FROM next
            ON CONFLICT (key) DO UPDATE SET version = excluded.version, created_version = excluded.created_version,
                created_ref = excluded.created_ref, updated_ref = excluded.updated_ref,
                lease_id = excluded.lease_id, value_kind = excluded.value_kind,
                deleted_ref = excluded.deleted_ref, value = excluded.value
            WHERE record.version = excluded.version - 1
            RETURNING 1
        )
        SELECT ref, 1 / (SELECT count(*) FROM record) FROM next
        """
}
