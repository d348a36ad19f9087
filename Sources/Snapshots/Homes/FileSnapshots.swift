package import CairnKeyspace
package import CairnModel
internal import Foundation
internal import Glibc
internal import Synchronization

/// Snapshots as plain files in a folder, `NAME@20261121T191526.123456Z.cairnsnap`.
///
/// A file is written under another name, synced, and renamed when it is whole; then the folder is synced. So a file of
/// that name is a whole one, and what a crash leaves behind is removed at the next start.
package final class FileSnapshots: SnapshotStore {
    private static let suffix = ".cairnsnap"
    private static let unfinished = ".unfinished"

    /// The folder.
    package let place: String
    /// By server.
    private let locks = Mutex<[String: SnapshotNameLock]>([:])

    /// The snapshots in a folder, which is made if it isn't there; the one that it is in must be.
    ///
    /// Throws ``CairnModel/StoreError/Code/invalidURL`` and ``CairnModel/StoreError/Code/permissionDenied``.
    package init(folder: String) throws(StoreError) {
        guard !folder.isEmpty, !folder.utf8.contains(0) else {
            throw StoreError(.invalidURL, "file: needs the path of a folder, as in file:./snapshots")
        }
        place = folder
        if mkdir(folder, 0o700) == 0 { return }
        let reason = errno
        var status = stat()
        guard stat(folder, &status) == 0 else {
            throw reason == ENOENT
                ? StoreError(.invalidURL, "\(folder): the folder it is to be in does not exist; create that first")
                : .system(reason, folder)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError(.invalidURL, "\(folder): not a folder; name one for the snapshots")
        }
        guard access(folder, R_OK | W_OK | X_OK) == 0 else { throw .system(errno, folder) }
    }

    package func own(_ server: String) throws(StoreError) {
        let lock = try SnapshotNameLock(path: "\(place)/\(server).lock", server: server, place: place)
        locks.withLock { $0[server] = lock }
    }

    package func list(of server: String) throws(StoreError) -> [StoredSnapshot] {
        var found: [StoredSnapshot] = []
        for file in try files() where file.hasSuffix(FileSnapshots.suffix) {
            guard let name = SnapshotName(file.dropLast(FileSnapshots.suffix.count)), name.server == server else {
                continue
            }
            var status = stat()
            // One that has gone meanwhile is not there.
            guard stat("\(place)/\(file)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            found.append(StoredSnapshot(name: name, byteCount: Int64(status.st_size)))
        }
        return found.sorted { $0.name < $1.name }
    }

    package func write(
        _ name: SnapshotName, _ fill: (any SnapshotSink) throws(StoreError) -> Void
    ) throws(StoreError) {
        try locks.withLock { $0[name.server] }?.check(server: name.server, place: place)
        try removeUnfinished(of: name.server)
        let path = path(of: name)
        guard access(path, F_OK) != 0 else { throw StoreError(.storageFailed, "\(path): the file exists already") }
        let unfinished = path + FileSnapshots.unfinished
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(errno, unfinished) }
        do throws(StoreError) {
            do throws(StoreError) {
                try fill(FileSink(descriptor, path))
                guard fsync(descriptor) == 0 else { throw .system(errno, path) }
            } catch {
                Glibc.close(descriptor)
                throw error
            }
            guard Glibc.close(descriptor) == 0, rename(unfinished, path) == 0 else { throw .system(errno, path) }
        } catch {
            unlink(unfinished)
            throw error
        }
        try syncFolder()
    }

    package func read(_ name: SnapshotName, piece number: Int) throws(StoreError) -> [UInt8] {
        let path = path(of: name)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno, path) }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: snapshotPieceBytes)
        var filled = 0
        while filled < bytes.count {
            // The pointer is used only during the call.
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    descriptor, buffer.baseAddress! + filled, buffer.count - filled,
                    off_t(number * buffer.count + filled))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno, path) }
            if count == 0 { break }
            filled += count
        }
        return filled == bytes.count ? bytes : Array(bytes[..<filled])
    }

    package func delete(_ name: SnapshotName) throws(StoreError) {
        let path = path(of: name)
        guard unlink(path) == 0 || errno == ENOENT else { throw .system(errno, path) }
        try syncFolder()
    }

    package func close() { locks.withLock { $0 = [:] } }

    private func path(of name: SnapshotName) -> String { "\(place)/\(name.text)\(FileSnapshots.suffix)" }

    private func files() throws(StoreError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: place)
        } catch {
            throw StoreError(.storageFailed, "\(place): the folder can't be read: \(error.localizedDescription)")
        }
    }

    /// Removes what a crash has left of this server's snapshots.
    private func removeUnfinished(of server: String) throws(StoreError) {
        for file in try files() where file.hasSuffix(FileSnapshots.suffix + FileSnapshots.unfinished) {
            let name = SnapshotName(file.dropLast(FileSnapshots.suffix.count + FileSnapshots.unfinished.count))
            if name?.server == server { unlink("\(place)/\(file)") }
        }
    }

    private func syncFolder() throws(StoreError) {
        let descriptor = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno, place) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(errno, place) }
    }
}

/// Writes to a file that is open.
private final class FileSink: SnapshotSink {
    private let descriptor: Int32
    private let path: String

    init(_ descriptor: Int32, _ path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    func put(_ bytes: [UInt8]) throws(StoreError) {
        var written = 0
        while written < bytes.count {
            // The pointer is used only during the call.
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, $0.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system(errno, path) }
            written += count
        }
    }
}

extension StoreError {
    /// What the system has said of a file.
    fileprivate static func system(_ reason: Int32, _ path: String) -> StoreError {
        let code: Code =
            switch reason {
            case ENOSPC, EDQUOT, EFBIG: .storageFull
            case EACCES, EPERM, EROFS: .permissionDenied
            default: .storageFailed
            }
        return StoreError(code, "\(path): \(String(cString: strerror(reason)))", nativeCode: reason)
    }
}
