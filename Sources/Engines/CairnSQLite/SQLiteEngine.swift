public import CairnKeyspace
public import CairnModel
internal import Foundation
internal import Synchronization

/// The home in one SQLite file: durable, shared between processes, and open to anyone with the `sqlite3` shell.
///
/// The file is in WAL mode with `synchronous=FULL`, so a commit returns when the log has been synced. One connection
/// writes, on the committer's thread; a few read; one copies the log into the file meanwhile. Recent records are kept
/// in memory and vouched for by the shared header of the log, so most reads of one key touch no file at all.
/// `docs/formats/sqlite.md` describes the tables.
public final class SQLiteEngine: Engine {
    /// `sqlite`.
    public let name = "sqlite"
    /// Everything.
    public var capabilities: Capabilities { SQLiteEngine.capabilities }
    /// Everything.
    public static let capabilities = Capabilities(Set(Capability.allCases))
    /// Calls wait for the file.
    public let blocks = true
    /// The number of reading connections.
    public var readers: Int { pool.count }

    let path: String
    let options: SQLiteOptions
    let writer: Writer
    let pool: ReaderPool
    let checkpointer: Checkpointer
    // Both are missing only where the VFS shares no memory.
    let cache: CoherentCache?
    let index: WALIndex?

    /// Opens the file at `path`, and makes it if there is none. Its directory must exist.
    ///
    /// Blocks. Fails with ``StoreError/Code/foreignFile``, ``StoreError/Code/formatTooNew``,
    /// ``StoreError/Code/corrupted``, ``StoreError/Code/permissionDenied``, ``StoreError/Code/storageFull``,
    /// ``StoreError/Code/storageBusy`` or ``StoreError/Code/invalidURL``; a file that is not ours is left as it was.
    public init(path: String, options: SQLiteOptions = .init()) throws(StoreError) {
        try Inspection.check(path)
        let connection = try Connection(path: path, role: .writing, options: options)
        var opened = [connection]
        do throws(StoreError) {
            try connection.prepareFile()
            let writer = try Writer(connection)
            // The first read opens the log, which must be there for what follows.
            _ = try writer.reading.storedHead()
            GatheredLog.install(on: connection.database)
            let checkpoints = try Connection(path: path, role: .checkpointing, options: options)
            opened.append(checkpoints)
            checkpoints.takeOver()
            let pool = try ReaderPool(path: path, options: options)
            index = WALIndex(of: connection.database)
            // One that may hold nothing still tells whether others have committed.
            cache = index.map { CoherentCache(index: $0, bytes: options.recordCacheBytes) }
            checkpointer = Checkpointer(checkpoints)
            self.path = path
            self.options = options
            self.writer = writer
            self.pool = pool
        } catch {
            for connection in opened.reversed() { connection.close() }
            throw error
        }
    }

    /// The bytes of the file and its log.
    public var size: HomeSize {
        let sizes = [path, path + "-wal"].compactMap { file -> Int64? in
            var found = stat()
            return stat(file, &found) == 0 ? Int64(found.st_size) : nil
        }
        return HomeSize(bytes: sizes.isEmpty ? nil : sizes.reduce(0, +))
    }

    /// Closes the connections. The last process to do so copies the log into the file and removes it.
    public func close() {
        checkpointer.close()
        pool.close()
        // Last: the index lives in memory that this connection has mapped.
        writer.close()
    }
}

/// What the committer's thread alone uses: the writing connection, its statements, and the head as it last knew it.
///
/// `@unchecked Sendable`: the engine's contract says that commits and trims never run at the same time, and that
/// `close` comes after them.
final class Writer: @unchecked Sendable {
    let connection: Connection
    private var statements: (reading: ReadStatements, writing: WriteStatements)?
    /// The head when the header of the log was ``stamp``.
    var head = Head.empty
    /// The header that the head belongs to; `nil` when the head must be read again.
    var stamp: WALStamp?
    /// Requests from before this time are still to be forgotten, some of them; `nil` if none are.
    var forgetRequestsBefore: Timestamp?

    init(_ connection: Connection) throws(StoreError) {
        self.connection = connection
        statements = (try ReadStatements(connection), try WriteStatements(connection))
    }

    var reading: ReadStatements { statements!.reading }
    var writing: WriteStatements { statements!.writing }

    /// Undoes what the open transaction did, if one is open.
    func rollBack() {
        // SQLite has rolled back by itself after some errors; then this would be one more.
        if connection.isInTransaction { try? reading.rollback.run() }
    }

    func close() {
        rollBack()
        statements = nil
        connection.close()
    }
}

extension SQLiteEngine {
    /// What is in force on the writing connection, for tests.
    package func settings() throws(StoreError) -> [String: Int64] {
        var settings: [String: Int64] = [:]
        for name in ["synchronous", "wal_autocheckpoint"] { settings[name] = try writer.connection.pragma(name) }
        return settings
    }
}
