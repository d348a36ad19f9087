internal import CairnModel

/// The steps that bring a schema to ``Schema/version``.
///
/// All of them happen in one transaction under an advisory lock, so a schema is always of one version, and of several
/// processes that start together one does the work. Where nothing is to be done nothing is written, so a user who may
/// only use the tables can.
enum Migrations {
    /// Brings the schema to this program's version, or refuses it.
    static func run(on connection: Connection, names: Names) throws(StoreError) {
        let patience = connection.patience
        // A large table may take its time.
        connection.patience = .seconds(3_600)
        defer { connection.patience = patience }
        if try version(on: connection, names: names) != Schema.version {
            do throws(StoreError) {
                try migrate(on: connection, names: names)
            } catch {
                if connection.isInTransaction { connection.post([Call(Statements.rollBack)]) }
                throw error
            }
        }
        try checkRights(on: connection, names: names)
    }

    private static func migrate(on connection: Connection, names: Names) throws(StoreError) {
        let lock = Statement("", "SELECT pg_advisory_xact_lock($1::bigint)")
        _ = try connection.run([
            Call(Statements.begin), Call(Statement("", "SELECT set_config('lock_timeout', '0', true)")),
            Call(lock, Parameters { $0.add(names.lockNumber) }),
        ])
        // Another process may have done it meanwhile.
        if try version(on: connection, names: names) == nil {
            let hasSchema = try connection.run(
                Call(
                    Statement("", "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1::text)"),
                    Parameters { $0.add(names.schema) })
            ).flag(0, 0)
            let schema = hasSchema ? [] : ["CREATE SCHEMA \(names.quotedSchema)"]
            _ = try connection.run((schema + Schema.statements(names)).map { Call(Statement("", $0)) })
        }
        _ = try connection.run(Call(Statements.commit))
    }

    /// The version of the tables; `nil` if there are none yet. Fails if they are not ours, or newer than we are.
    private static func version(on connection: Connection, names: Names) throws(StoreError) -> Int64? {
        let tables = try connection.run(
            Call(
                Statement(
                    "",
                    """
                    SELECT relname::text, has_schema_privilege(pg_namespace.oid, 'USAGE')
                    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                    WHERE nspname = $1::text AND relname = ANY($2::text[])
                    """),
                Parameters { parameters in
                    parameters.add(names.schema)
                    parameters.add(array: Schema.tables)
                }))
        let found = (0..<tables.count).map { tables.text($0, 0) }
        if found.isEmpty { return nil }
        guard found.contains("schema_version") else {
            throw StoreError(
                .foreignFile,
                "\(connection.place): the schema \(names.schema) has a table \(found[0]) that Cairn has not made. "
                    + "Name another schema in the URL."
            )
        }
        guard tables.flag(0, 1) else { throw lacks(["USAGE on schema \(names.schema)"], connection) }
        let rows = try connection.run(Call(Statement("", "SELECT version FROM \(names.qualified("schema_version"))")))
        guard rows.count == 1 else {
            throw StoreError(
                .corrupted,
                "\(connection.place): the table schema_version has \(rows.count) rows and not one; restore a backup")
        }
        let version = rows.integer(0, 0)
        guard version <= Schema.version else {
            throw StoreError(
                .formatTooNew,
                "\(connection.place): a newer Cairn has made these tables (version \(version), and this one knows "
                    + "\(Schema.version)). Use the newer one."
            )
        }
        return version
    }

    /// What the statements need, table by table.
    private static let rights: [(table: String, rights: [String])] = [
        ("head", ["SELECT", "UPDATE"]), ("records", ["SELECT", "INSERT", "UPDATE"]),
        ("events", ["SELECT", "INSERT", "DELETE"]), ("leases", ["SELECT", "INSERT", "UPDATE", "DELETE"]),
        ("locks", ["SELECT", "INSERT", "UPDATE", "DELETE"]),
        ("consumers", ["SELECT", "INSERT", "UPDATE", "DELETE"]),
        ("requests", ["SELECT", "INSERT", "UPDATE", "DELETE"]),
        ("replicas", ["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ]

    /// Sees to it that the user has the rights that a store needs, so that none turns out to be missing later.
    private static func checkRights(on connection: Connection, names: Names) throws(StoreError) {
        let pairs = rights.flatMap { row in row.rights.map { (table: row.table, right: $0) } }
        let rows = try connection.run(
            Call(
                Statement(
                    "",
                    """
                    SELECT name, privilege
                    FROM unnest($1::text[], $2::text[], $3::text[]) AS needed (name, place, privilege)
                    WHERE NOT has_table_privilege(place, privilege)
                    """),
                Parameters { parameters in
                    parameters.add(array: pairs.map(\.table))
                    parameters.add(array: pairs.map { names.qualified($0.table) })
                    parameters.add(array: pairs.map(\.right))
                }))
        guard rows.count > 0 else { return }
        throw lacks((0..<rows.count).map { "\(rows.text($0, 1)) on \(names.schema).\(rows.text($0, 0))" }, connection)
    }

    private static func lacks(_ rights: [String], _ connection: Connection) -> StoreError {
        StoreError(
            .permissionDenied,
            "\(connection.place): the user lacks \(rights.joined(separator: ", ")). "
                + "Grant that; docs/formats/postgres.md lists what a store needs."
        )
    }
}
