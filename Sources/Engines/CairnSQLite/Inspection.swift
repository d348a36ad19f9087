internal import CairnModel
internal import GRDBSQLite
internal import Glibc

/// A look at a file before it is opened as a store, which changes nothing.
///
/// Opening a database for writing may already change it: SQLite copies a left-over log into it, or rolls a journal
/// back. A file that is not ours must not be touched, so its header is read first, through SQLite's own file layer:
/// reading it with `open` and `close` would drop the POSIX locks of any other connection of this process to the same
/// file.
///
/// The header in the file itself tells whose it is, even when a log lies beside it: the first transaction of a
/// store's life is made with a rollback journal and sets the application id, and only then the file enters WAL mode.
enum Inspection {
    /// Throws unless the path can become a file with this application id or is one of a version we know. `kind` says
    /// what such a file is, in words.
    static func check(
        _ path: String, isFor expected: Int32 = Schema.applicationID, _ kind: String = "a store of Cairn's"
    ) throws(StoreError) {
        try checkPlace(path)
        guard let header = try header(of: path) else { return }
        guard header.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw StoreError(
                .foreignFile,
                "\(path): the file is not an SQLite database; name \(kind), or a file to be made"
            )
        }
        guard header.count == 100 else {
            throw StoreError(
                .corrupted,
                "\(path): the file ends within its header; restore a backup",
                nativeCode: SQLITE_NOTADB
            )
        }
        let applicationID = Int32(truncatingIfNeeded: number(at: 68, of: header))
        guard applicationID == expected else {
            throw StoreError(
                .foreignFile,
                "\(path): the file is an SQLite database, but not \(kind) "
                    + "(application id \(applicationID)); name another file"
            )
        }
        try checkVersion(Int64(number(at: 60, of: header)), path)
        // A newer version may have been written to the log only.
        if isPresent(path + "-wal") { try checkVersion(try versionInLog(path), path) }
    }

    private static func checkVersion(_ version: Int64, _ path: String) throws(StoreError) {
        guard version > Schema.version else { return }
        throw StoreError(
            .formatTooNew,
            "\(path): the file has format \(version), and this version of Cairn knows formats up to "
                + "\(Schema.version); use a newer Cairn"
        )
    }

    private static func checkPlace(_ path: String) throws(StoreError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw StoreError(.invalidURL, "the path of the store is empty or contains a zero byte; name a file")
        }
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw StoreError(.invalidURL, "\(path): not a regular file; name a file, such as \(path)/cairn.db")
            }
            return
        }
        let reason = errno
        guard reason == ENOENT else {
            let code: StoreError.Code = reason == EACCES ? .permissionDenied : .invalidURL
            throw StoreError(code, "\(path): \(String(cString: strerror(reason)))", nativeCode: reason)
        }
        let parent = directory(of: path)
        guard stat(parent, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError(
                .invalidURL,
                "\(path): the directory \(parent) does not exist; create it first",
                nativeCode: ENOENT
            )
        }
    }

    /// The first 100 bytes; `nil` for a file that is missing or empty.
    private static func header(of path: String) throws(StoreError) -> [UInt8]? {
        guard isPresent(path) else { return nil }
        return try withReadOnlyDatabase(path) { database throws(StoreError) in
            // The pointer is to the connection's own file object, which lives as long as the connection does.
            var file: UnsafeMutablePointer<sqlite3_file>?
            let asked = withUnsafeMutablePointer(to: &file) {
                sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, $0)
            }
            guard asked == SQLITE_OK, let file, let methods = file.pointee.pMethods,
                let size = methods.pointee.xFileSize,
                let read = methods.pointee.xRead
            else { throw .sqlite(asked, database, path: path) }
            var bytes: sqlite3_int64 = 0
            var code = size(file, &bytes)
            guard code == SQLITE_OK else { throw .sqlite(code, nil, path: path) }
            var header = [UInt8](repeating: 0, count: Int(min(bytes, 100)))
            // SQLite takes a file of one byte for an empty one, and would write over it. It is not ours.
            guard !header.isEmpty else { return [] }
            code = header.withUnsafeMutableBytes { read(file, $0.baseAddress, Int32($0.count), 0) }
            guard code == SQLITE_OK else { throw .sqlite(code, nil, path: path) }
            return header
        }
    }

    private static func versionInLog(_ path: String) throws(StoreError) -> Int64 {
        try withReadOnlyDatabase(path) { database throws(StoreError) in
            let statement = try Statement("PRAGMA user_version", on: database, path: path)
            defer { statement.reset() }
            return try statement.step() ? statement.integer(0) : 0
        }
    }

    /// A connection that may only read cannot change the file, not even when it is the last to close it.
    private static func withReadOnlyDatabase<Result>(
        _ path: String,
        _ body: (OpaquePointer) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        var database: OpaquePointer?
        let code = sqlite3_open_v2(
            Connection.unambiguous(path),
            &database,
            SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
            nil
        )
        // `v2` because it also takes a connection whose opening failed.
        defer { sqlite3_close_v2(database) }
        guard code == SQLITE_OK, let database else { throw .sqlite(code, database, path: path) }
        sqlite3_busy_timeout(database, 5_000)
        return try body(database)
    }

    private static func isPresent(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_size > 0
    }

    /// The directory that a path is in.
    static func directory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func number(at offset: Int, of header: [UInt8]) -> UInt32 {
        header[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
