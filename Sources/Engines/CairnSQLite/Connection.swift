internal import CairnModel
internal import GRDB
internal import GRDBSQLite
internal import Glibc

/// One connection to the file, opened by GRDB and then used directly.
///
/// GRDB opens it, sets it up and runs the migrations. After that its hooks are taken off, and nothing of it runs
/// between us and SQLite: no dispatch queue, no authorizer, no commit hook.
///
/// `@unchecked Sendable`: a connection is handed from thread to thread, but who has it is the only one to use it: the
/// committer's thread has the writing one, the pool hands out the reading ones, the checkpointer's queue has its own.
final class Connection: @unchecked Sendable {
    let path: String
    let database: OpaquePointer
    private let queue: DatabaseQueue

    /// What a connection is for.
    enum Role {
        case writing
        case reading
        case checkpointing
    }

    /// Opens a connection. A missing file is made, empty, by the writing one.
    init(path: String, role: Role, options: SQLiteOptions) throws(StoreError) {
        self.path = path
        do {
            let queue = try DatabaseQueue(
                path: Connection.unambiguous(path),
                configuration: Connection.configuration(role, options, path: path)
            )
            guard let database = queue.unsafeReentrantRead({ $0.sqliteConnection }) else {
                throw StoreError(.internal, "\(path): the connection is closed")
            }
            self.queue = queue
            self.database = database
        } catch {
            throw .sqlite(error, path: path)
        }
    }

    /// Brings the file to the newest version and into WAL mode, and takes the connection over from GRDB.
    func prepareFile() throws(StoreError) {
        if try pragma("user_version") < Schema.version {
            try refuseLostVersion()
            do {
                try Migrations.run(on: queue)
            } catch {
                // Another process may have done the same at the same time, and been first.
                guard try pragma("user_version") == Schema.version else { throw .sqlite(error, path: path) }
            }
        }
        takeOver()
        try enterWALMode()
        // In this mode only FULL and EXTRA sync the log before a commit returns. GRDB, when it is asked for WAL mode,
        // chooses NORMAL, which does not; so what is in force is read back.
        let synchronous = try pragma("synchronous")
        guard synchronous >= 2 else {
            throw StoreError(
                .storageFailed,
                "\(path): SQLite would not sync its log at a commit (synchronous is \(synchronous)); refusing to start"
            )
        }
    }

    /// Refuses a file that has a store's tables and says to have none: a number that somebody has reset, or a copy that
    /// was put together by hand. Which tables they are nobody can tell then.
    private func refuseLostVersion() throws(StoreError) {
        // In one statement, as another process may be making the tables at this moment.
        let isLost = try text(
            """
            SELECT (SELECT user_version FROM pragma_user_version) = 0
                AND EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'head')
            """)
        guard isLost == "1" else { return }
        throw StoreError(
            .corrupted,
            "\(path): the file has a store's tables, but its user_version is 0, so their format isn't known. Restore a "
                + "backup; or, if you know who has set it, set it to what it was with the sqlite3 shell")
    }

    private func enterWALMode() throws(StoreError) {
        // The switch needs the file for itself, and SQLite does not wait for that; a process that opens it at the same
        // time is done with it soon.
        var attempts = 0
        while true {
            do throws(StoreError) {
                let mode = try text("PRAGMA journal_mode = WAL")
                guard mode == "wal" else {
                    throw StoreError(
                        .storageFailed,
                        "\(path): the file system cannot hold a write-ahead log (mode \(mode)); use a local one"
                    )
                }
                return
            } catch {
                attempts += 1
                guard error.code == .storageBusy, attempts < 500 else { throw error }
                usleep(10_000)
            }
        }
    }

    /// Takes off what GRDB hooked in, which expects to be called on its queue. To be called before any lasting
    /// statement is prepared, because a change of the authorizer has them all prepared again.
    func takeOver() {
        sqlite3_commit_hook(database, nil, nil)
        sqlite3_rollback_hook(database, nil, nil)
        sqlite3_set_authorizer(database, nil, nil)
    }

    /// A statement for the life of the connection.
    func prepare(_ sql: String) throws(StoreError) -> Statement {
        try Statement(sql, on: database, path: path)
    }

    /// The number that a pragma tells.
    func pragma(_ name: String) throws(StoreError) -> Int64 {
        let statement = try prepare("PRAGMA \(name)")
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    /// The first column of the first row.
    func text(_ sql: String) throws(StoreError) -> String {
        let statement = try prepare(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.text(0) : ""
    }

    /// Whether a transaction is open.
    var isInTransaction: Bool { sqlite3_get_autocommit(database) == 0 }

    /// Runs `body` with GRDB's view of the connection.
    func withGRDB<Result>(_ body: (Database) throws -> Result) throws(StoreError) -> Result {
        do {
            return try queue.unsafeReentrantWrite(body)
        } catch {
            throw .sqlite(error, path: path)
        }
    }

    /// Closes the connection. Its statements must be gone.
    func close() { try? queue.close() }
}

// How connections are opened.
extension Connection {
    /// The path as SQLite will not misread it: `file:` would be a URL and `:memory:` no file at all.
    static func unambiguous(_ path: String) -> String {
        path.hasPrefix("/") ? path : "./" + path
    }

    private static func configuration(_ role: Role, _ options: SQLiteOptions, path: String) -> Configuration {
        var configuration = Configuration()
        configuration.label = "cairn.sqlite"
        configuration.readonly = role == .reading
        configuration.foreignKeysEnabled = false
        configuration.allowsUnsafeTransactions = true
        // Waiting in small steps: SQLite's own handler sleeps up to 100 ms at a time, too long to ever meet the moment
        // between two batches of a busy process.
        let attempts = 5 + Int(max(options.busyTimeout.microseconds, 0) / 2_000)
        configuration.busyMode = .callback { attempt in
            guard attempt < attempts else { return false }
            usleep(attempt < 5 ? 100 << UInt32(attempt) : 2_000)
            return true
        }
        let pages = role == .writing ? options.pageCacheBytes : options.readerPageCacheBytes
        configuration.prepareDatabase { database in
            if role != .reading, sqlite3_db_readonly(database.sqliteConnection, "main") == 1 {
                throw StoreError(
                    .permissionDenied,
                    "\(path): the file may be read but not written; a store needs both, for the file and its directory",
                    nativeCode: SQLITE_READONLY
                )
            }
            try database.execute(
                sql: """
                    PRAGMA wal_autocheckpoint = 0;
                    PRAGMA synchronous = FULL;
                    PRAGMA temp_store = MEMORY;
                    PRAGMA cache_size = \(-max(pages >> 10, 64));
                    PRAGMA cell_size_check = ON;
                    """
            )
            // Debian builds SQLite so that what is deleted is overwritten, which costs writes and promises little: the
            // log keeps old values anyway.
            _ = try Int.fetchOne(database, sql: "PRAGMA secure_delete = OFF")
        }
        return configuration
    }
}
