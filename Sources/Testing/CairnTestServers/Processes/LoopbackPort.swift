internal import Glibc
internal import Synchronization

/// Ports of 127.0.0.1 that no other test takes while this process runs.
///
/// They lie below those that the kernel gives to outgoing connections, so that a server which is down for a moment
/// finds its port free when it comes back. What reserves one is a unix socket in Linux's abstract namespace, named
/// after it: no two processes can have it, and it goes with its process.
public enum LoopbackPort {
    private static let range = 20_000..<32_000
    private static let next = Mutex(Int.random(in: range))

    /// A port that is free. Throws if there is none.
    public static func reserve() throws -> Int {
        for _ in range {
            let port = next.withLock { next in
                next = next + 1 < range.upperBound ? next + 1 : range.lowerBound
                return next
            }
            if holdsName(of: port), isFree(port) { return port }
        }
        throw ServerFailure("there is no free port between \(range.lowerBound) and \(range.upperBound) on 127.0.0.1")
    }

    /// Binds the name of the port, and keeps it until this process ends.
    private static func holdsName(of port: Int) -> Bool {
        let holder = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard holder >= 0 else { return false }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array("\0cairn-test-port-\(port)".utf8)
        // These pointers live only during the calls.
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(holder, $0, length) == 0 }
        }
        if !isBound { close(holder) }
        return isBound
    }

    /// Whether nobody listens there. It is bound and not listened on: a child that is being started has a copy of the
    /// probe until it runs its program, and nobody could listen on the port meanwhile.
    private static func isFree(_ port: Int) -> Bool {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        var yes: Int32 = 1
        setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        return withLoopbackAddress(port: port) { bind(probe, $0, $1) } == 0
    }
}

/// Calls `body` with the address of a port of 127.0.0.1.
func withLoopbackAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    // The pointer lives only during the call.
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}
