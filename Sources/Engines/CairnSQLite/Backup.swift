public import CairnModel
internal import GRDB
internal import Glibc

// A copy of the store while it is in use.

extension SQLiteEngine {
    /// Copies the file as it is now to a new one, and syncs it.
    ///
    /// The copy is read in one transaction, so it is of one moment however long it takes; that holds up no writer. The
    /// log can't start over meanwhile, so it grows by what is written.
    public func backup(toFile path: String) throws(StoreError) {
        try reserve(path)
        do throws(StoreError) {
            try copy(to: path)
            try sync(path)
            try sync(Inspection.directory(of: path))
        } catch {
            // A copy that was given up leaves its journal, too.
            for name in [path, path + "-journal"] { unlink(name) }
            throw error
        }
    }

    private func copy(to path: String) throws(StoreError) {
        let source = try Connection(path: self.path, role: .reading, options: options)
        defer { source.close() }
        let target: DatabaseQueue
        do {
            target = try DatabaseQueue(path: Connection.unambiguous(path))
        } catch {
            throw .sqlite(error, path: path)
        }
        defer { try? target.close() }
        try source.withGRDB { database in
            try database.execute(sql: "BEGIN")
            _ = try Int64.fetchOne(database, sql: "SELECT last_ref FROM head")
            defer { try? database.execute(sql: "ROLLBACK") }
            do {
                try target.unsafeReentrantWrite { target in
                    try database.backup(to: target, pagesPerStep: 1_024)
                }
            } catch {
                throw StoreError.sqlite(error, path: path)
            }
        }
    }

    /// Makes the file, so that nobody else does, and nothing is overwritten.
    private func reserve(_ path: String) throws(StoreError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw StoreError(.invalidArgument, "the path of the copy is empty or contains a zero byte; name a file")
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor < 0 else {
            Glibc.close(descriptor)
            return
        }
        let reason = errno
        switch reason {
        case EEXIST:
            throw StoreError(
                .invalidArgument,
                "\(path): the file exists already; name one that does not",
                nativeCode: reason
            )
        case ENOENT, ENOTDIR:
            throw StoreError(
                .invalidArgument,
                "\(path): the directory \(Inspection.directory(of: path)) does not exist; create it first",
                nativeCode: reason
            )
        default:
            let code: StoreError.Code =
                reason == ENOSPC
                ? .storageFull : [EACCES, EPERM, EROFS].contains(reason) ? .permissionDenied : .storageFailed
            throw StoreError(code, "\(path): \(String(cString: strerror(reason)))", nativeCode: reason)
        }
    }

    /// Syncs a file or a directory.
    private func sync(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        let isSynced = descriptor >= 0 && fsync(descriptor) == 0
        let reason = errno
        // No store is open on the copy yet, so no locks are lost with this descriptor.
        if descriptor >= 0 { Glibc.close(descriptor) }
        guard isSynced else {
            throw StoreError(
                .storageFailed,
                "\(path): the copy could not be synced: \(String(cString: strerror(reason)))",
                nativeCode: reason
            )
        }
    }
}
