internal import CairnModel
internal import GRDB
internal import GRDBSQLite
internal import Glibc

// The one table from SQLite's result codes to the store's errors.
//
// The primary code decides, and the extended code and the system's error number refine it: a file that can't be
// opened may be missing, or forbidden, or on a full disk. The extended code is kept in `nativeCode`.

extension StoreError {
    /// The error of a call on `database` that returned `code`.
    static func sqlite(_ code: Int32, _ database: OpaquePointer?, path: String) -> StoreError {
        let words = database.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) }
        let extended = database.map { sqlite3_extended_errcode($0) } ?? code
        // What the system can't read SQLite tells as a damaged file, after it has noted why with the file.
        if code & 0xFF == SQLITE_CORRUPT, let database, let reason = readFailure(database) {
            let failed = SQLITE_IOERR | 33 << 8
            return sqlite(failed, reason, String(cString: strerror(reason)), path: path)
        }
        let system = database.map { sqlite3_system_errno($0) } ?? 0
        // The connection may have gone on since; then its extended code is of another call.
        return sqlite(extended & 0xFF == code & 0xFF ? extended : code, system, words, path: path)
    }

    /// The system's error number if it has failed to read the file or its log.
    private static func readFailure(_ database: OpaquePointer) -> Int32? {
        var (reason, ofLog): (Int32, Int32) = (0, 0)
        sqlite3_file_control(database, nil, SQLITE_FCNTL_LAST_ERRNO, &reason)
        // The pointer is to the connection's own file object, which lives as long as the connection does.
        var log: UnsafeMutablePointer<sqlite3_file>?
        _ = withUnsafeMutablePointer(to: &log) {
            sqlite3_file_control(database, nil, SQLITE_FCNTL_JOURNAL_POINTER, $0)
        }
        if let log, let methods = log.pointee.pMethods {
            _ = methods.pointee.xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &ofLog)
        }
        return [reason, ofLog].first { [EIO, ENXIO].contains($0) }
    }

    /// The error that GRDB threw.
    static func sqlite(_ error: any Error, path: String) -> StoreError {
        if let error = error as? StoreError { return error }
        guard let error = error as? DatabaseError else {
            return StoreError(.storageFailed, "\(path): \(error)")
        }
        return sqlite(error.extendedResultCode.rawValue, 0, error.message, path: path)
    }

    private static func sqlite(_ code: Int32, _ system: Int32, _ words: String?, path: String) -> StoreError {
        let meaning = Meaning(code, system: system)
        let native = words ?? String(cString: sqlite3_errstr(code))
        return StoreError(
            meaning.code,
            "\(path): \(meaning.happened) (SQLite says: \(native)). \(meaning.advice)",
            retry: meaning.retry,
            nativeCode: code
        )
    }
}

/// What a result code means to a caller.
private struct Meaning {
    var code: StoreError.Code
    var happened: String
    var advice: String
    var retry: StoreError.Retry = .never

    init(_ code: Int32, system: Int32) {
        switch code & 0xFF {
        case SQLITE_FULL: self = .full
        case SQLITE_BUSY, SQLITE_LOCKED: self = .busy
        // A file that never was a database is found out before SQLite opens it.
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .corrupt
        case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH: self = .forbidden
        case SQLITE_CANTOPEN, SQLITE_IOERR: self = Meaning(fileTrouble: code, system: system)
        case SQLITE_NOMEM:
            self = Meaning(
                code: .storageFailed,
                happened: "there is not enough memory",
                advice: "Try again.",
                retry: .safe
            )
        case SQLITE_INTERRUPT:
            self = Meaning(code: .cancelled, happened: "the call was interrupted", advice: "Try again.", retry: .safe)
        default:
            self = Meaning(code: .storageFailed, happened: "the database failed", advice: "The words above tell why.")
        }
    }

    private init(fileTrouble code: Int32, system: Int32) {
        switch system {
        case ENOSPC, EDQUOT, EFBIG: self = .full
        case EACCES, EPERM, EROFS: self = .forbidden
        case ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG: self = .missing
        default:
            if code & 0xFF == SQLITE_CANTOPEN {
                self = code == Extended.cantOpenIsDirectory ? .missing : .unopened
            } else if code == Extended.sharedMemorySize {
                self = .full
            } else {
                self = Meaning(
                    code: .storageFailed,
                    happened: "reading or writing the file failed",
                    advice: "Look at the disk and the system's log.",
                    retry: .safe
                )
            }
        }
    }

    private init(code: StoreError.Code, happened: String, advice: String, retry: StoreError.Retry = .never) {
        self.code = code
        self.happened = happened
        self.advice = advice
        self.retry = retry
    }

    static let full = Meaning(
        code: .storageFull,
        happened: "there is no room for the change",
        advice: "Nothing was changed; make room and try again.",
        retry: .safe
    )
    static let busy = Meaning(
        code: .storageBusy,
        happened: "another process held the file for too long",
        advice: "Nothing was changed; try again.",
        retry: .safe
    )
    static let corrupt = Meaning(
        code: .corrupted,
        happened: "the file is damaged",
        advice: "Restore a backup, or save what can be read with the sqlite3 shell's .recover."
    )
    static let forbidden = Meaning(
        code: .permissionDenied,
        happened: "the file or its directory may not be written",
        advice: "A store needs both: SQLite keeps a log and an index beside the file."
    )
    static let missing = Meaning(
        code: .invalidURL,
        happened: "the file cannot be there",
        advice: "Name a file in a directory that exists."
    )
    static let unopened = Meaning(
        code: .permissionDenied,
        happened: "the file could not be opened",
        advice: "See that its directory exists and that both may be read and written."
    )
}

/// Extended result codes, which are C macros with a shift that Swift can't import.
private enum Extended {
    static let cantOpenIsDirectory = SQLITE_CANTOPEN | 2 << 8
    static let sharedMemorySize = SQLITE_IOERR | 19 << 8
}
