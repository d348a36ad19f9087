// The file of a unix domain socket.
//
// A socket that is bound to a path leaves a file there, which outlives a process that is killed, and nobody can be
// asked whose a file is. What holds here:
//
// - A file is taken over only if nobody listens on it: connecting to it is refused.
// - Of several servers that start at once on a file that was left behind, one gets it. They look, remove, bind and
//   listen under a lock, so that none removes what another has just bound. The lock is on the directory, as a lock file
//   would itself be left behind.
// - A server removes only the file that it bound, and not one that somebody has put there since.

import Glibc
import NIOCore

/// A listening unix domain socket, bound to a path.
package struct UnixListener: Sendable {
    /// What tells a file from another that has its path later.
    private struct Identity: Hashable, Sendable {
        let device: UInt64
        let number: UInt64

        /// The file at `path`, if it is a socket.
        init?(socketAt path: String) {
            var info = stat()
            guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFSOCK else { return nil }
            (device, number) = (UInt64(info.st_dev), UInt64(info.st_ino))
        }
    }

    /// The listening socket; whoever takes it closes it.
    package let descriptor: CInt
    private let path: String
    private let identity: Identity?

    /// Binds `path` and listens. Blocks for at most a second.
    ///
    /// - Throws: ``RPCSetupError``.
    package init(path: String, backlog: CInt) throws(RPCSetupError) {
        guard !path.isEmpty, let address = try? SocketAddress(unixDomainSocketPath: path) else {
            throw .bindFailed(.unix(path), "the path is empty or too long")
        }
        let lock = DirectoryLock(around: path)
        defer { lock.release() }
        let socket = try Self.bound(to: address, path)
        guard listen(socket, backlog) == 0 else {
            let reason = Self.reason()
            close(socket)
            unlink(path)
            throw .bindFailed(.unix(path), reason)
        }
        descriptor = socket
        self.path = path
        identity = Identity(socketAt: path)
    }

    /// Removes the file, if it is still this socket's. Blocks for at most a second.
    package func removeFile() {
        let lock = DirectoryLock(around: path)
        defer { lock.release() }
        if let identity, Identity(socketAt: path) == identity { unlink(path) }
    }

    private static func bound(to address: SocketAddress, _ path: String) throws(RPCSetupError) -> CInt {
        let socket = try makeSocket(path)
        if call(bind, socket, address) == 0 { return socket }
        let isTaken = errno == EADDRINUSE
        guard isTaken, Identity(socketAt: path) != nil else {
            let reason = isTaken ? "a file that is no socket is there" : reason()
            close(socket)
            throw .bindFailed(.unix(path), reason)
        }
        guard isRefused(address), unlink(path) == 0, call(bind, socket, address) == 0 else {
            close(socket)
            throw .addressInUse(.unix(path))
        }
        return socket
    }

    /// Whether nobody listens. Any other failure to connect, such as a full queue, doesn't say so.
    private static func isRefused(_ address: SocketAddress) -> Bool {
        guard let probe = try? makeSocket("") else { return false }
        defer { close(probe) }
        return call(connect, probe, address) != 0 && errno == ECONNREFUSED
    }

    private static func makeSocket(_ path: String) throws(RPCSetupError) -> CInt {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw .bindFailed(.unix(path), reason()) }
        return descriptor
    }

    /// Calls `bind` or `connect`.
    private static func call(
        _ function: (CInt, UnsafePointer<sockaddr>?, socklen_t) -> CInt, _ socket: CInt, _ address: SocketAddress
    ) -> CInt {
        // The pointer to the address is used only during the call.
        address.withSockAddr { function(socket, $0, socklen_t($1)) }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}

/// A lock on the directory of a path, which servers hold while they bind or remove a socket there.
///
/// Best effort: it is given up after a second, as anybody who may read the directory may hold it for ever, and where
/// the file system has no locks or the directory can't be read.
private struct DirectoryLock {
    private let descriptor: CInt

    init(around path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        var attempts = 100
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK || errno == EINTR, attempts > 0 {
            attempts -= 1
            usleep(10_000)
        }
    }

    /// Closing the directory gives the lock back.
    func release() { if descriptor >= 0 { close(descriptor) } }
}
