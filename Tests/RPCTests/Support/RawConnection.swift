import CNghttp2
import Glibc
import Testing

/// A plain TCP connection on which tests write HTTP/2 frames byte by byte (RFC 9113, section 4.1).
///
/// Blocking, with a time limit on every read, so that a server that says nothing fails the test instead of hanging it.
final class RawConnection {
    struct Frame {
        var type: UInt8
        var flags: UInt8
        var stream: UInt32
        var payload: [UInt8]
    }

    /// The frame types that tests use.
    enum FrameType {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let priority: UInt8 = 2
        static let reset: UInt8 = 3
        static let settings: UInt8 = 4
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
        static let continuation: UInt8 = 9
    }

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let socket: Int32
    private var inflater: OpaquePointer?
    private var received: [UInt8] = []

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(socket >= 0)
        var timeout = timeval(tv_sec: 300, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        nghttp2_hd_inflate_new(&inflater)
    }

    deinit {
        Glibc.close(socket)
        nghttp2_hd_inflate_del(inflater)
    }

    // MARK: Writing

    /// Writes bytes; `false` once the server has closed.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        let length = payload.count
        return [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags]
            + withUnsafeBytes(of: stream.bigEndian) { Array($0) } + payload
    }

    @discardableResult
    func send(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> Bool {
        write(Self.frame(type, flags: flags, stream: stream, payload))
    }

    /// The preface, SETTINGS with `settings`, and the acknowledgement of the server's.
    func shakeHands(settings: [UInt8] = []) {
        write(Self.preface)
        send(FrameType.settings, settings)
        send(FrameType.settings, flags: 1)
    }

    /// Header fields as literals without indexing (RFC 7541, section 6.2.2).
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        func string(_ text: String) -> [UInt8] {
            let bytes = Array(text.utf8)
            var length: [UInt8] = []
            var rest = bytes.count
            if rest < 127 {
                length = [UInt8(rest)]
            } else {
                length = [127]
                rest -= 127
                while rest >= 128 {
                    length.append(UInt8(rest % 128 + 128))
                    rest /= 128
                }
                length.append(UInt8(rest))
            }
            return length + bytes
        }
        return fields.flatMap { [0] + string($0.0) + string($0.1) }
    }

    static func request(_ path: String, _ more: [(String, String)] = [], type: String = "application/grpc") -> [UInt8] {
        block(
            [
                (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"), ("te", "trailers"),
                ("content-type", type),
            ] + more)
    }

    /// A unary call's frames.
    func call(_ path: String, stream: UInt32, message: [UInt8]) {
        send(FrameType.headers, flags: 4, stream: stream, Self.request(path))
        send(FrameType.data, flags: 1, stream: stream, Self.prefixed(message))
    }

    static func prefixed(_ message: [UInt8]) -> [UInt8] {
        [0] + withUnsafeBytes(of: UInt32(message.count).bigEndian) { Array($0) } + message
    }

    // MARK: Reading

    /// The next frame, or `nil` when the server has closed the connection.
    func read() throws -> Frame? {
        while true {
            if received.count >= 9 {
                let length = Int(received[0]) << 16 | Int(received[1]) << 8 | Int(received[2])
                if received.count >= 9 + length {
                    let stream = received[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                    let frame = Frame(
                        type: received[3], flags: received[4], stream: stream, payload: Array(received[9..<9 + length]))
                    received.removeFirst(9 + length)
                    return frame
                }
            }
            var chunk = [UInt8](repeating: 0, count: 16384)
            let count = Glibc.recv(socket, &chunk, chunk.count, 0)
            if count == 0 || (count < 0 && errno == ECONNRESET) { return nil }
            try #require(count > 0, "the server said nothing in time")
            received.append(contentsOf: chunk[..<count])
        }
    }

    /// Reads until a frame of `type`, on `stream` if it isn't 0; `nil` if the connection closes first.
    func read(until type: UInt8, stream: UInt32 = 0) throws -> Frame? {
        while let frame = try read() {
            if frame.type == FrameType.headers { lastFields = inflate(frame.payload) }
            if frame.type == type, stream == 0 || frame.stream == stream { return frame }
        }
        return nil
    }

    /// The fields of the header block that was read last.
    private(set) var lastFields: [String: String] = [:]

    /// Reads until the stream's status: its trailers, or headers that end it.
    func readStatus(stream: UInt32) throws -> [String: String]? {
        while let frame = try read(until: FrameType.headers, stream: stream) {
            if frame.flags & 1 != 0 { return lastFields }
        }
        return nil
    }

    /// Reads the error code of the GOAWAY with which the server ends the connection; `nil` if it closes without one.
    func readGoAway() throws -> UInt32? {
        while let frame = try read(until: FrameType.goAway) {
            let code = frame.payload[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            if code != 0 { return code }
        }
        return nil
    }

    /// Reads until the server closes the connection.
    func readUntilClosed() throws { while try read() != nil {} }

    private func inflate(_ block: [UInt8]) -> [String: String] {
        var fields: [String: String] = [:]
        var rest = block[...]
        while true {
            var field = nghttp2_nv()
            var flags: Int32 = 0
            let count = rest.withUnsafeBufferPointer {
                nghttp2_hd_inflate_hd2(inflater, &field, &flags, $0.baseAddress, $0.count, 1)
            }
            guard count >= 0 else { return fields }
            rest = rest.dropFirst(count)
            if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                let name = UnsafeBufferPointer(start: field.name, count: field.namelen)
                let value = UnsafeBufferPointer(start: field.value, count: field.valuelen)
                fields[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
            }
            if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
                nghttp2_hd_inflate_end_headers(inflater)
                return fields
            }
        }
    }
}
