internal import CairnModel
internal import GRDB

/// The steps that bring a file to ``Schema/version``.
///
/// Each step is one transaction, and sets `user_version` to its own number in it, so a file is always of one version.
enum Migrations {
    /// Brings the file of `queue` to the newest version.
    static func run(on queue: DatabaseQueue) throws {
        try claim(queue)
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(sql: Schema.tables)
            try database.execute(sql: Schema.views)
            try database.execute(sql: "PRAGMA user_version = 1")
        }
        try migrator.migrate(queue)
    }

    /// Marks an empty file as ours, before anything else is written to it.
    ///
    /// The migrator makes a table of its own first, in a transaction of its own; a file that had only that would look
    /// like another program's, to a process that opens it at that moment and, after a crash, to all.
    private static func claim(_ queue: DatabaseQueue) throws {
        try queue.inTransaction(.immediate) { database in
            if try Int32.fetchOne(database, sql: "PRAGMA application_id") == Schema.applicationID { return .commit }
            guard try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") == 0 else {
                throw StoreError(
                    .foreignFile, "\(queue.path): another program has just made a database here; name another file")
            }
            try database.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
            return .commit
        }
    }
}
