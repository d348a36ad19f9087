internal import Glibc

/// An address of the internet, version 4 or 6, with a port.
///
/// The system's calls take a pointer to one of several structures; the pointers here are to a local or a stored
/// property, and are used while the closure runs.
struct SocketAddress: Sendable {
    private var storage = sockaddr_storage()
    private var length: socklen_t

    private init(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
        self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
        withUnsafeMutableBytes(of: &storage) { [self] in
            $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(self.length)))
        }
    }

    /// Finds the addresses of a name, or of an address in digits. Only the latter is sure not to wait for anybody.
    static func resolve(_ host: String, port: Int, onlyDigits: Bool) -> SocketAddress? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (onlyDigits ? AI_NUMERICHOST : 0)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let found else { return nil }
        defer { freeaddrinfo(found) }
        guard let address = found.pointee.ai_addr else { return nil }
        return SocketAddress(address, found.pointee.ai_addrlen)
    }

    /// The address that a socket is bound to.
    init?(of socket: Int32) {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) == 0 }
        }
        guard isKnown else { return nil }
        storage = address
        self.length = length
    }

    var family: Int32 { Int32(storage.ss_family) }

    /// Calls `body` with what the system's calls take.
    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// The address without the port, in digits; `nil` if it isn't one of the internet.
    var host: String? { withPointer { SocketAddress.host(of: $0, $1) } }

    /// The port.
    var port: Int {
        // Both structures have the port in the same place.
        withUnsafeBytes(of: storage) { Int($0[2]) << 8 | Int($0[3]) }
    }

    /// The address in digits; `nil` if it isn't one of the internet.
    static func host(of address: UnsafePointer<sockaddr>, _ length: socklen_t) -> String? {
        guard [AF_INET, AF_INET6].contains(Int32(address.pointee.sa_family)) else { return nil }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
