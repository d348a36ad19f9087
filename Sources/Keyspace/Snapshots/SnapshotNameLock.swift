package import CairnModel
internal import Glibc
internal import Synchronization

/// A lock file by which one process owns a server's snapshots on a file system.
///
/// The operating system holds the lock (`flock`), so it goes with the process, however that ends, and there is nothing
/// to be cleaned up. The file stays: who removes it would take it from whoever has just locked it.
package final class SnapshotNameLock: Sendable {
    private let path: String
    private let descriptor: Mutex<Int32>

    /// Takes the lock. Throws ``CairnModel/StoreError/Code/storageBusy`` if another process has it.
    package init(path: String, server: String, place: String) throws(StoreError) {
        self.path = path
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else {
            let reason = errno
            let code: StoreError.Code = [EACCES, EPERM, EROFS].contains(reason) ? .permissionDenied : .storageFailed
            throw StoreError(code, "\(path): \(String(cString: strerror(reason)))", nativeCode: reason)
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            let owner = SnapshotNameLock.owner(opened)
            Glibc.close(opened)
            guard reason == EWOULDBLOCK else {
                throw StoreError(.storageFailed, "\(path): \(String(cString: strerror(reason)))", nativeCode: reason)
            }
            throw .snapshotsInUse(server: server, place: place, by: owner)
        }
        // Only for who is refused: what counts is the lock.
        let words = "process \(getpid())\n"
        _ = ftruncate(opened, 0)
        _ = words.withCString { pwrite(opened, $0, strlen($0), 0) }
        descriptor = Mutex(opened)
    }

    deinit { release() }

    /// Throws if the file is no longer the one that was locked, so that another process may have locked a new one.
    package func check(server: String, place: String) throws(StoreError) {
        let isOwn = descriptor.withLock { descriptor in
            var (own, there) = (stat(), stat())
            guard descriptor >= 0, fstat(descriptor, &own) == 0, stat(path, &there) == 0 else { return false }
            return own.st_ino == there.st_ino && own.st_dev == there.st_dev
        }
        if !isOwn { throw .snapshotsTaken(server: server, place: place) }
    }

    /// Lets go of it. Further calls do nothing.
    package func release() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }

    private static func owner(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)).prefix { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
    }
}

extension StoreError {
    /// A running server keeps snapshots of the same name in the same place.
    package static func snapshotsInUse(server: String, place: String, by owner: String) -> StoreError {
        StoreError(
            .storageBusy,
            "\(place): another server keeps its snapshots there as \"\(server)\""
                + (owner.isEmpty ? "" : " (\(owner))") + "; give this one another --snapshot-name, or stop that one",
            retry: .safe)
    }

    /// Another server has taken the name over.
    package static func snapshotsTaken(server: String, place: String) -> StoreError {
        StoreError(
            .storageBusy,
            "\(place): another server may have taken over the snapshots of \"\(server)\": this one keeps none there "
                + "any more; restart it, or give it another --snapshot-name")
    }
}
