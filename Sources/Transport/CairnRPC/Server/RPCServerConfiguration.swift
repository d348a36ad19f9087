import Glibc
public import Metrics
import NIOCore

/// Where a server listens, and how.
public struct RPCServerConfiguration: Sendable {
    /// The addresses to bind; each is a listener.
    public var addresses: [RPCAddress]
    /// TLS for the TCP addresses; `nil` for plaintext HTTP/2 with prior knowledge (RFC 9113, section 3.3).
    public var tls: RPCServerTLS?
    /// The limits.
    public var limits = RPCLimits()
    /// Pings of idle connections, and how long connections live.
    public var keepalive = Keepalive()
    /// Compresses responses of at least this many bytes for clients that accept gzip; `nil` for never.
    public var compressionThreshold: Int?
    /// The longest `grpc-timeout` that is taken at its word; longer ones are shortened to it. `nil` for no bound.
    public var maxDeadline: Duration?
    /// The threads to run on.
    public var eventLoops: RPCEventLoops
    /// Where to count calls and connections: where swift-metrics was told to, unless told otherwise.
    public var metrics: any MetricsFactory = MetricsSystem.factory
    /// Who traces calls: nobody, unless told otherwise.
    public var tracer: (any RPCCallTracer)?
    /// The time of day by which certificates end, in seconds since 1970.
    package var wallClock: @Sendable () -> Int64 = { Int64(time(nil)) }
    /// The kernel's queue of connections that aren't accepted yet.
    public var backlog: Int32 = 1024

    /// Listens on `addresses`.
    public init(addresses: [RPCAddress], tls: RPCServerTLS? = nil, eventLoops: RPCEventLoops = .shared) {
        self.addresses = addresses
        self.tls = tls
        self.eventLoops = eventLoops
    }

    /// Pings of idle connections, and how long connections live.
    public struct Keepalive: Sendable, Hashable {
        /// A connection silent for this long is pinged: 60 s; `nil` for never.
        public var interval: Duration? = .seconds(60)
        /// A pinged connection that stays silent for this long is closed: 20 s.
        public var timeout: Duration = .seconds(20)
        /// A connection without a call for this long is asked to end: never by default.
        public var maxIdle: Duration?
        /// A connection of this age is asked to end: never by default.
        public var maxAge: Duration?
        /// How long calls may go on after ``maxAge``: 30 s.
        public var maxAgeGrace: Duration = .seconds(30)

        /// Everything at its default.
        public init() {}
    }
}

/// An address to bind or to connect to.
public enum RPCAddress: Sendable, Hashable, CustomStringConvertible {
    /// A host name or IP address, and a TCP port; port 0 binds any free one.
    case hostPort(String, Int)
    /// The path of a unix domain socket.
    case unix(String)

    /// The address as one would write it.
    public var description: String {
        switch self {
        case .hostPort(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

extension RPCAddress {
    init(_ address: SocketAddress) {
        if let host = address.ipAddress, let port = address.port {
            self = .hostPort(host, port)
        } else {
            self = .unix(address.pathname ?? "")
        }
    }
}

/// Why a server or a client could not be set up.
public enum RPCSetupError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The address is taken.
    case addressInUse(RPCAddress)
    /// The address can't be bound for another reason.
    case bindFailed(RPCAddress, String)
    /// The configuration names no address.
    case noAddress
    /// A certificate, key or trust root can't be used; names the file or says "bytes".
    case invalidTLS(String, String)

    /// A sentence that names the address or file.
    public var description: String {
        switch self {
        case .addressInUse(let address): "address \(address) is already in use"
        case .bindFailed(let address, let reason): "can't listen on \(address): \(reason)"
        case .noAddress: "no address to use is configured"
        case .invalidTLS(let source, let reason): "can't use TLS material from \(source): \(reason)"
        }
    }
}
