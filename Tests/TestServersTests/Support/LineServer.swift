import Foundation
import Synchronization

@testable import CairnTestServers

/// A server that answers each line with `done` and the line, and remembers what it got.
final class LineServer: Sendable {
    private struct State {
        var lines: [String] = []
        var ended = 0
    }

    let port: Int
    private let listener: Int32
    private let state = Mutex(State())

    init() throws {
        port = try LoopbackPort.reserve()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard withLoopbackAddress(port: port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            throw CocoaError(.featureUnsupported)
        }
        Thread.detachNewThread { [self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                Thread.detachNewThread { [self] in serve(connection) }
            }
            close(listener)
        }
    }

    /// The lines that it has got.
    var lines: [String] { state.withLock { $0.lines } }

    /// How many connections have ended.
    var endedConnections: Int { state.withLock { $0.ended } }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve(_ connection: Int32) {
        let peer = LinePeer(connection)
        while case .line(let line) = peer.read() {
            state.withLock { $0.lines.append(line) }
            peer.send("done \(line)\n")
        }
        peer.close()
        state.withLock { $0.ended += 1 }
    }
}

/// One end of a connection on which lines are sent. Its calls block, and a read gives up after `patience`.
final class LinePeer: Sendable {
    enum Reading: Equatable {
        case line(String)
        case end
        case reset
        case nothing
    }

    private let socket: Int32
    private let rest = Mutex<[UInt8]>([])

    init(_ socket: Int32) { self.socket = socket }

    /// Connects to a port of 127.0.0.1; nil if it refuses.
    static func connect(to port: Int, patience: Duration = .seconds(20)) -> LinePeer? {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard withLoopbackAddress(port: port, { Foundation.connect(socket, $0, $1) }) == 0 else {
            Foundation.close(socket)
            return nil
        }
        var limit = timeval(tv_sec: 0, tv_usec: 0)
        limit.tv_sec = Int(patience.components.seconds)
        limit.tv_usec = Int(patience.components.attoseconds / 1_000_000_000_000)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return LinePeer(socket)
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        // The pointer lives only during the call, which blocks until all is sent.
        _ = bytes.withUnsafeBytes { Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    func read() -> Reading {
        rest.withLock { rest in
            var searched = 0
            while true {
                if let end = rest[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                    defer { rest.removeSubrange(...end) }
                    return .line(String(decoding: rest[..<end], as: UTF8.self))
                }
                searched = rest.count
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                let count = recv(socket, &buffer, buffer.count, 0)
                if count == 0 { return .end }
                if count < 0 { return errno == EAGAIN ? .nothing : .reset }
                rest += buffer[..<count]
            }
        }
    }

    /// Sends a line, and reads the answer.
    func ask(_ line: String) -> Reading {
        send("\(line)\n")
        return read()
    }

    func close() { Foundation.close(socket) }
}
