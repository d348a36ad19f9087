/// Where a client's servers are.
public struct RPCTarget: Sendable, Hashable {
    /// The addresses of equal servers; each connection uses one, and tries the next when it can't be reached.
    public var addresses: [RPCAddress]
    /// `:authority` of the requests; the first address by default.
    public var authority: String

    /// Servers at `addresses`.
    public init(addresses: [RPCAddress], authority: String? = nil) {
        self.addresses = addresses
        self.authority =
            authority ?? addresses.first.map { if case .unix = $0 { "localhost" } else { $0.description } } ?? ""
    }
}

/// How a client connects.
public struct RPCClientConfiguration: Sendable {
    /// TLS for TCP addresses; `nil` for plaintext.
    public var tls: RPCClientTLS?
    /// Connections to spread the calls over: 1.
    public var connections = 1
    /// The largest response message in bytes, also after unpacking: 16 MiB. Beyond it the call fails with
    /// RESOURCE_EXHAUSTED.
    public var maxReceiveMessageBytes = 16 * 1024 * 1024
    /// A response's headers in bytes: 64 KiB.
    public var maxMetadataBytes = 64 * 1024
    /// What the server may send on a stream before it is read, in bytes: 1 MiB.
    public var initialStreamWindow = 1024 * 1024
    /// What the server may send on a connection before the client takes it, in bytes: 8 MiB.
    public var connectionWindow = 8 * 1024 * 1024
    /// What may wait to be written on a request stream before its writer waits, in bytes: 256 KiB.
    public var maxQueuedStreamBytes = 256 * 1024
    /// From the start of a connection attempt to the server's SETTINGS, TLS included: 10 s.
    public var connectTimeout: Duration = .seconds(10)
    /// How long to wait after every address has failed.
    public var backoff = RPCBackoff()
    /// A connection with calls that is silent for this long is pinged: 60 s; `nil` for never.
    public var keepaliveInterval: Duration? = .seconds(60)
    /// A pinged connection that stays silent for this long is closed: 20 s.
    public var keepaliveTimeout: Duration = .seconds(20)
    /// Whether connections without calls are pinged too: no.
    public var keepaliveWithoutCalls = false
    /// How often a call that the server surely did not process is moved to another connection: 4.
    public var maxTransparentRetries = 4
    /// `user-agent`.
    public var userAgent = "cairn-rpc"
    /// The threads that connections live on.
    public var eventLoops: RPCEventLoops

    /// Everything at its default.
    public init(tls: RPCClientTLS? = nil, eventLoops: RPCEventLoops = .shared) {
        self.tls = tls
        self.eventLoops = eventLoops
    }
}

/// Exponential waiting with jitter between connection attempts. A pure rule: the caller brings the randomness.
public struct RPCBackoff: Sendable, Hashable {
    /// The first wait: 50 ms.
    public var initial: Duration = .milliseconds(50)
    /// The longest wait: 5 s.
    public var maximum: Duration = .seconds(5)
    /// How much longer each wait is: 1.6.
    public var multiplier = 1.6
    /// How far a wait may be from the rule, as a fraction: 0.2.
    public var jitter = 0.2

    /// Everything at its default.
    public init() {}

    /// The wait after `failures` failures in a row; `random` is in -1...1.
    package func delay(failures: Int, random: Double) -> Duration {
        var seconds = initial / .seconds(1)
        for _ in 1..<max(1, min(failures, 64)) { seconds *= multiplier }
        seconds = min(seconds, maximum / .seconds(1))
        return .seconds(seconds * (1 + jitter * random))
    }
}

/// How one call is made.
public struct RPCCallOptions: Sendable, Hashable {
    /// How long the call may take; sent to the server and kept by the client. `nil` for ever.
    public var timeout: Duration?
    /// What to send besides the message.
    public var metadata: RPCMetadata
    /// Whether request messages are packed with gzip.
    public var compression: Bool
    /// Whether to wait for a connection as long as it takes, instead of failing when none can be had.
    public var waitForReady: Bool

    /// Options for a call.
    public init(
        timeout: Duration? = nil, metadata: RPCMetadata = [:], compression: Bool = false, waitForReady: Bool = false
    ) {
        self.timeout = timeout
        self.metadata = metadata
        self.compression = compression
        self.waitForReady = waitForReady
    }
}
