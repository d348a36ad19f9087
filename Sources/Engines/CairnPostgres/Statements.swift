/// Every statement that a session runs on the tables of one schema.
///
/// Those that make the tables are in `Schema` and `Migrations`. All that may run more than now and then have a name,
/// which makes the server keep their plans. What those are is in `docs/formats/postgres.md`, and tests hold them to it.
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

    let batch: BatchStatements
    let view: ViewStatements
    let replica: ReplicaStatements
    let upkeep: UpkeepStatements

    init(schema: String) {
        let names = Names(schema)
        batch = BatchStatements(names)
        view = ViewStatements(names)
        replica = ReplicaStatements(names)
        upkeep = UpkeepStatements(names)
    }

    /// All that have a name, for tests that look at their plans.
    var all: [Statement] { batch.all + view.all + replica.all + upkeep.all + [Statements.time] }
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

    /// The earliest deadline of all leases and locks, as an expression.
    var firstDeadline: String {
        """
        least((SELECT min(deadline) FROM \(qualified("leases")) WHERE deadline IS NOT NULL),
            (SELECT min(deadline) FROM \(qualified("locks"))))
        """
    }
    /// What reads the head.
    var head: String {
        "SELECT last_ref, oldest_ref, last_lease_id, time FROM \(qualified("head")) WHERE id = 1"
    }

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

    /// A statement with a name.
    func statement(_ name: String, _ sql: String) -> Statement { Statement("cairn_\(name)", sql) }
}
