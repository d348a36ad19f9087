internal import Foundation
internal import Glibc
internal import Synchronization

/// One temporary directory for all servers of this process, which a guardian removes.
enum ServersDirectory {
    /// `CAIRN_KEEP_SERVERS=1` keeps the directories, with data and logs, to look at what a server wrote.
    static let isKept = ProcessInfo.processInfo.environment["CAIRN_KEEP_SERVERS"] != nil

    private static let count = Mutex(0)
    private static let guardian = Mutex<DirectoryGuardian?>(nil)
    private static let root = Result { try makeRoot() }

    /// Makes an empty directory for a server that runs under `account`.
    static func make(_ name: String, for account: Account?) throws -> String {
        let path = try newPath(name)
        guard mkdir(path, 0o755) == 0 else { throw ServerFailure("\(path): \(String(cString: strerror(errno)))") }
        try account.own(path)
        return path
    }

    /// A path that nobody has had yet.
    static func newPath(_ name: String) throws -> String {
        let number = count.withLock { count in
            count += 1
            return count
        }
        return "\(try root.get())/\(name)-\(number)"
    }

    /// Removes a directory that ``make(_:for:)`` made, unless they are kept.
    static func remove(_ path: String) throws {
        freeSharedMemory(named: "\(path)/data/postmaster.pid")
        guard !isKept, access(path, F_OK) == 0 else { return }
        try FileManager.default.removeItem(atPath: path)
    }

    /// Frees what a PostgreSQL that was killed has left: its lock file's seventh line ends with the number of a shared
    /// memory segment, and nobody else would.
    private static func freeSharedMemory(named lockFile: String) {
        guard let data = FileManager.default.contents(atPath: lockFile) else { return }
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count > 6, let segment = lines[6].split(separator: " ").last.flatMap({ Int32($0) }) else { return }
        shmctl(segment, IPC_RMID, nil)
    }

    private static func makeRoot() throws -> String {
        var template = Array("\(place)/cairn-servers-XXXXXX".utf8CString)
        // The pointers live only during the calls.
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        guard let path = made else {
            throw ServerFailure("no directory in \(place): \(String(cString: strerror(errno)))")
        }
        chmod(path, 0o755)
        let guardian = try DirectoryGuardian(of: path, keepsFiles: isKept)
        ServersDirectory.guardian.withLock { $0 = guardian }
        // So that nothing runs any more, and nothing is left, when the tests' command has ended.
        atexit { ServersDirectory.guardian.withLock { $0?.finish() } }
        return path
    }

    /// The system's temporary directory, unless other accounts can't enter it or it is so long that the path of a unix
    /// socket in it (107 bytes at most) would be too long.
    private static var place: String {
        var path = NSTemporaryDirectory()
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard path.utf8.count <= 48 else { return "/tmp" }
        var folder = ""
        for part in path.split(separator: "/") {
            folder += "/\(part)"
            var status = stat()
            guard stat(folder, &status) == 0, geteuid() != 0 || status.st_mode & 0o001 != 0 else { return "/tmp" }
        }
        return path
    }
}
