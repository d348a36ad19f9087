import Foundation
import Synchronization

/// A TCP proxy on 127.0.0.1 that cuts connections when told. Threads of its own move the bytes.
final class CutProxy: Sendable {
    private struct State {
        var connections: Set<Int32> = []
        var opened = 0
        var cutsAtNextAnswer = false
        var isClosed = false
    }

    let port: Int
    private let listener: Int32
    private let target: Int
    private let state = Mutex(State())

    /// A proxy to a port of 127.0.0.1.
    init(to target: Int) throws {
        self.target = target
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard CutProxy.with(port: 0, { bind(listener, $0, $1) }) == 0, listen(listener, 16) == 0 else {
            throw CocoaError(.featureUnsupported)
        }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The pointers live only during the call.
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
        }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in acceptAll() }
    }

    /// How many connections there have been.
    var opened: Int { state.withLock { $0.opened } }

    /// Cuts every connection there is; new ones are taken.
    func cut() {
        state.withLock { state in
            // Shut down, not closed: the threads that read them close them.
            for end in state.connections { shutdown(end, Int32(SHUT_RDWR)) }
        }
    }

    /// Cuts the next connection on which the server says something, and swallows that.
    func cutAtNextAnswer() { state.withLock { $0.cutsAtNextAnswer = true } }

    /// Cuts everything, and takes no more.
    func close() {
        state.withLock { $0.isClosed = true }
        shutdown(listener, Int32(SHUT_RDWR))
        cut()
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard CutProxy.with(port: target, { connect(server, $0, $1) }) == 0 else {
                Foundation.close(client)
                Foundation.close(server)
                continue
            }
            let isClosed = state.withLock { state in
                state.connections.formUnion([client, server])
                state.opened += 1
                return state.isClosed
            }
            let both = Pair(client: client, server: server)
            Thread.detachNewThread { [self] in pump(from: client, to: server, isAnswer: false, both) }
            Thread.detachNewThread { [self] in pump(from: server, to: client, isAnswer: true, both) }
            if isClosed { cut() }
        }
        Foundation.close(listener)
    }

    /// Two sockets, closed when both directions have ended.
    private final class Pair: Sendable {
        let client: Int32
        let server: Int32
        private let ended = Atomic<Int>(0)

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }

        /// Whether this was the second direction to end.
        func end() -> Bool { ended.add(1, ordering: .sequentiallyConsistent).newValue == 2 }
    }

    private func pump(from source: Int32, to target: Int32, isAnswer: Bool, _ pair: Pair) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            // The pointers live only during the calls.
            let count = buffer.withUnsafeMutableBytes { recv(source, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { break }
            let isCut =
                isAnswer
                && state.withLock { state in
                    defer { state.cutsAtNextAnswer = false }
                    return state.cutsAtNextAnswer
                }
            if isCut { break }
            let sent = buffer.withUnsafeBytes { send(target, $0.baseAddress, count, Int32(MSG_NOSIGNAL)) }
            guard sent == count else { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
        guard pair.end() else { return }
        state.withLock { state in
            state.connections.subtract([pair.client, pair.server])
            Foundation.close(pair.client)
            Foundation.close(pair.server)
        }
    }

    /// Calls `body` with the address of a port of 127.0.0.1.
    private static func with(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
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
}
