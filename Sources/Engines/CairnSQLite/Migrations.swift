internal import CairnModel
internal import GRDB

/// The steps that bring a file to ``Schema/version``.
///
/// Each step is one transaction, and sets `user_version` to its own number in it, so a file is always of one version.
/// The first sets the application id too: an SQLite file without it was not made by us.
enum Migrations {
    /// Brings the file of `queue` to the newest version.
    static func run(on queue: DatabaseQueue) throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
            try database.execute(sql: Schema.tables)
            try database.execute(sql: Schema.views)
            try database.execute(sql: "PRAGMA user_version = 1")
        }
        try migrator.migrate(queue)
    }
}
