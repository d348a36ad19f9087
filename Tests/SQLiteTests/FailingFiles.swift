import Foundation
import GRDBSQLite
import Synchronization

// A file system that fails when it is told to.
//
// It is the machine's own, with three calls caught: the sync and the write of a write-ahead log, and the notice that
// SQLite gives a database's file when a commit is done. The methods of a file are a table of functions that SQLite
// shares between all files of a kind, so each kind that is caught gets a copy of its table with those functions
// replaced.
//
// For a process of its own, such as an exit test: every file that is opened there afterwards goes through it.

/// Makes calls of SQLite to the files of this process fail.
enum FailingFiles {
    /// How many of the next calls fail.
    struct Failures: Sendable {
        /// Syncs of a log.
        var syncs = 0
        /// Writes to a log, after those syncs.
        var writes = 0
        /// The end of a commit, when the log already holds it and everybody sees it.
        var endings = 0
    }

    private static let failures = Mutex(Failures())

    /// Puts itself between SQLite and the files that are opened from now on. To be called once.
    static func install() {
        guard let machine = sqlite3_vfs_find(nil) else { return }
        FailingFiles.machine = machine
        // This pointer lives as long as the process, as SQLite asks of what is registered.
        let caught = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        caught.initialize(to: machine.pointee)
        caught.pointee.zName = UnsafePointer(strdup("failing"))
        caught.pointee.xOpen = { _, name, file, flags, flagsOut in
            guard let machine = FailingFiles.machine else { return SQLITE_CANTOPEN }
            let code = machine.pointee.xOpen(machine, name, file, flags, flagsOut)
            guard code == SQLITE_OK, let file else { return code }
            if flags & SQLITE_OPEN_WAL != 0 { FailingFiles.logs.take(file, FailingFiles.catchLog) }
            if flags & SQLITE_OPEN_MAIN_DB != 0 { FailingFiles.databases.take(file, FailingFiles.catchDatabase) }
            return code
        }
        sqlite3_vfs_register(caught, 1)
    }

    /// Makes the next calls fail; all others are left alone.
    static func fail(_ next: Failures) { failures.withLock { $0 = next } }

    /// What was to fail and has not been called yet.
    static var left: Failures { failures.withLock { $0 } }

    /// Takes one of a kind of failures. Returns whether there was one.
    private static func take(_ kind: WritableKeyPath<Failures, Int>) -> Bool {
        failures.withLock { failures in
            guard failures[keyPath: kind] > 0, kind != \.writes || failures.syncs == 0 else { return false }
            failures[keyPath: kind] -= 1
            return true
        }
    }

    private static func catchLog(_ methods: inout sqlite3_io_methods) {
        methods.xSync = { file, flags in
            if FailingFiles.take(\.syncs) { return FailingFiles.ioError(4) }
            return FailingFiles.logs.methods.map { $0.pointee.xSync(file, flags) } ?? SQLITE_IOERR
        }
        methods.xWrite = { file, bytes, count, offset in
            if FailingFiles.take(\.writes) { return FailingFiles.ioError(3) }
            return FailingFiles.logs.methods.map { $0.pointee.xWrite(file, bytes, count, offset) } ?? SQLITE_IOERR
        }
    }

    private static func catchDatabase(_ methods: inout sqlite3_io_methods) {
        methods.xFileControl = { file, operation, argument in
            if operation == SQLITE_FCNTL_COMMIT_PHASETWO, FailingFiles.take(\.endings) {
                return FailingFiles.ioError(4)
            }
            return FailingFiles.databases.methods.map { $0.pointee.xFileControl(file, operation, argument) }
                ?? SQLITE_IOERR
        }
    }

    /// The extended code of an error that the disk has told: 3 of a write, 4 of a sync.
    private static func ioError(_ number: Int32) -> Int32 {
        errno = EIO
        return SQLITE_IOERR | number << 8
    }

    // Set before anything is opened, and only read by SQLite's calls, which come after that.
    nonisolated(unsafe) private static var machine: UnsafeMutablePointer<sqlite3_vfs>?
    private static let logs = FileKind()
    private static let databases = FileKind()
}

/// The methods of a kind of files, as they are and as they are caught.
///
/// `@unchecked Sendable`: the pointers are set under the lock when the first file of the kind is opened, to what lives
/// as long as the process, and never changed.
private final class FileKind: @unchecked Sendable {
    private let lock = Mutex(())
    /// The machine's.
    private(set) var methods: UnsafePointer<sqlite3_io_methods>?
    private var caught: UnsafeMutablePointer<sqlite3_io_methods>?

    /// Gives a file that was just opened the caught methods, which `replace` makes of the machine's.
    func take(_ file: UnsafeMutablePointer<sqlite3_file>, _ replace: (inout sqlite3_io_methods) -> Void) {
        lock.withLock { _ in
            if caught == nil, let methods = file.pointee.pMethods {
                let copy = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
                copy.initialize(to: methods.pointee)
                replace(&copy.pointee)
                self.methods = methods
                caught = copy
            }
            file.pointee.pMethods = caught.map { UnsafePointer($0) }
        }
    }
}
