internal import Glibc

/// A socket at one end of a proxied connection, which never blocks.
struct ProxyEnd: ~Copyable {
    enum Input {
        case bytes([UInt8])
        case nothing
        case end
        case failure
    }

    private(set) var socket: Int32
    /// What is to be sent and doesn't fit yet.
    private(set) var outgoing: [UInt8] = []
    /// Whether the peer has said that it sends no more.
    private(set) var hasEnded = false
    private var endsWhenSent = false
    private var isShut = false

    init(socket: Int32) {
        self.socket = socket
        Sockets.makeQuick(socket)
    }

    deinit { if socket >= 0 { Glibc.close(socket) } }

    var isOpen: Bool { socket >= 0 }
    var hasSentAll: Bool { outgoing.isEmpty }

    mutating func read() -> Input {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        // The pointer lives only during the call.
        let count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
        if count > 0 {
            buffer.removeLast(buffer.count - count)
            return .bytes(buffer)
        }
        if count == 0 {
            hasEnded = true
            return .end
        }
        return errno == EAGAIN || errno == EINTR ? .nothing : .failure
    }

    /// Sends what fits now, and keeps the rest for ``flush()``. Returns whether the connection still is.
    mutating func send(_ bytes: some Collection<UInt8>) -> Bool {
        outgoing += bytes
        return flush()
    }

    /// Sends what fits now of what is left.
    mutating func flush() -> Bool {
        while !outgoing.isEmpty {
            // The pointer lives only during the call.
            let count = outgoing.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EAGAIN || errno == EINTR { return true }
            guard count > 0 else { return false }
            outgoing.removeFirst(count)
        }
        if endsWhenSent, !isShut {
            isShut = true
            shutdown(socket, Int32(SHUT_WR))
        }
        return true
    }

    /// Tells the peer, once it has got everything, that no more comes.
    mutating func end() -> Bool {
        endsWhenSent = true
        return flush()
    }

    /// Breaks the connection: the peer gets a reset, and what was on its way to it is lost.
    mutating func reset() {
        guard socket >= 0 else { return }
        Sockets.reset(socket)
        socket = -1
    }

    mutating func close() {
        guard socket >= 0 else { return }
        Glibc.close(socket)
        socket = -1
    }
}

/// Plain TCP sockets on 127.0.0.1.
enum Sockets {
    /// A socket that listens.
    static func listen(on port: Int) throws -> Int32 {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard withLoopbackAddress(port: port, { bind(listener, $0, $1) }) == 0, Glibc.listen(listener, 256) == 0 else {
            let reason = String(cString: strerror(errno))
            close(listener)
            throw ServerFailure("the proxy can't listen on port \(port): \(reason)")
        }
        unblock(listener)
        return listener
    }

    /// A socket that connects, or tells of its failure when it is read.
    static func connect(to port: Int) -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        unblock(socket)
        _ = withLoopbackAddress(port: port) { Glibc.connect(socket, $0, $1) }
        return socket
    }

    /// The next connection that somebody has made; nil if nobody has.
    static func accept(_ listener: Int32) -> Int32? {
        let socket = Glibc.accept(listener, nil, nil)
        guard socket >= 0 else { return nil }
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        unblock(socket)
        return socket
    }

    /// Makes it send small messages at once.
    static func makeQuick(_ socket: Int32) {
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Sends a reset, and closes.
    ///
    /// Closing alone wouldn't do: while another thread polls the socket the kernel puts the end off. Dissolving the
    /// connection is done at once.
    static func reset(_ socket: Int32) {
        var nowhere = sockaddr()
        nowhere.sa_family = sa_family_t(AF_UNSPEC)
        // The pointer lives only during the call.
        _ = withUnsafePointer(to: &nowhere) { Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr>.size)) }
        close(socket)
    }

    private static func unblock(_ socket: Int32) {
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    }
}
