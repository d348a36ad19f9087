/// Every limit of a server, with its default. Sizes are in bytes.
///
/// What a limit refuses is answered where it can be: a call with RESOURCE_EXHAUSTED or `REFUSED_STREAM`, a connection
/// with GOAWAY `ENHANCE_YOUR_CALM` (RFC 9113, section 10.5).
public struct RPCLimits: Sendable, Hashable {
    /// A rate: `burst` at once, and `perSecond` more each second (a token bucket).
    public struct Rate: Sendable, Hashable {
        /// How many at once.
        public var burst: Int
        /// How many more each second.
        public var perSecond: Int

        /// A rate of `burst` at once and `perSecond` more each second.
        public init(burst: Int, perSecond: Int) {
            self.burst = burst
            self.perSecond = perSecond
        }
    }

    /// Everything at its default.
    public init() {}

    /// The largest request message, also after unpacking: 4 MiB and 64 KiB. Beyond it: RESOURCE_EXHAUSTED with both
    /// sizes.
    public var maxReceiveMessageBytes = 4 * 1024 * 1024 + 64 * 1024
    /// A request's headers, names and values and 32 bytes each (RFC 9113, section 6.5.2): 16 KiB. Beyond it:
    /// RESOURCE_EXHAUSTED; beyond four times as much the stream is reset with `ENHANCE_YOUR_CALM`.
    public var maxMetadataBytes = 16 * 1024
    /// Calls at once on a connection: 256. Beyond it: `REFUSED_STREAM`, and far beyond it, ``refusals``.
    public var maxConcurrentStreams = 256
    /// Connections at once: 4,096. Beyond it: closed at once.
    public var maxConnections = 4096
    /// What a peer may send on a stream before a handler takes it: 1 MiB.
    public var initialStreamWindow = 1024 * 1024
    /// What a peer may send on a connection before the server takes it: 4 MiB.
    public var connectionWindow = 4 * 1024 * 1024
    /// Received bytes of a connection that handlers haven't taken, with 64 bytes more for each message, before the
    /// connection's window stops growing: 64 MiB.
    public var maxBufferedRequestBytes = 64 * 1024 * 1024
    /// What may wait to be written on a stream before its writer waits: 256 KiB.
    public var maxQueuedStreamBytes = 256 * 1024
    /// What may wait to be written on a connection before writers and new calls wait: 16 MiB.
    public var maxQueuedConnectionBytes = 16 * 1024 * 1024
    /// CONTINUATION frames after one HEADERS frame: 8. Beyond it: the connection ends.
    public var maxContinuations = 8
    /// Entries in one SETTINGS frame: 32. Beyond it: the connection ends.
    public var maxSettingsEntries = 32
    /// PING frames, asked for or not: 100, and 10 a second.
    public var pings = Rate(burst: 100, perSecond: 10)
    /// RST_STREAM frames (CVE-2023-44487), and streams that the server resets because the client broke a rule on them
    /// (CVE-2025-8671): 500, and 100 a second.
    public var resets = Rate(burst: 500, perSecond: 100)
    /// SETTINGS frames: 20, and 1 a second.
    public var settings = Rate(burst: 20, perSecond: 1)
    /// DATA frames that carry nothing but padding and end nothing: 500, and 50 a second.
    public var emptyData = Rate(burst: 500, perSecond: 50)
    /// WINDOW_UPDATE frames: 1,000, and 100 a second, and ten more for each request and for each DATA frame that the
    /// server has sent, as a client that reads much has to send many.
    public var windowUpdates = Rate(burst: 1000, perSecond: 100)
    /// Requests beyond ``maxConcurrentStreams``: 1,000, and 100 a second.
    public var refusals = Rate(burst: 1000, perSecond: 100)
    /// PRIORITY, GOAWAY, unknown and invalid frames, and empty CONTINUATION frames: 500, and 50 a second.
    public var oddFrames = Rate(burst: 500, perSecond: 50)
    /// From a connection's first byte to the client's SETTINGS, TLS included: 10 s.
    public var handshakeTimeout: Duration = .seconds(10)
    /// From a header block's first frame to its end: 10 s.
    public var headersTimeout: Duration = .seconds(10)
    /// How long a request message may take to come, and then DEADLINE_EXCEEDED: 60 s.
    ///
    /// With one request message, from the headers to the end of the request. In a stream of requests, from a message's
    /// first byte to its last; the time starts again when the handler has taken messages that waited, as it is the
    /// server that held the client up till then.
    public var requestBodyTimeout: Duration = .seconds(60)
    /// How long a client that owes requests and awaits its one response may say nothing (client streaming), and then
    /// DEADLINE_EXCEEDED: 300 s.
    ///
    /// As long as messages come, such a call may last for ever. Where both sides stream (bidirectional) the client owes
    /// nothing between two messages and may be silent for ever: a subscription is such a call. A client that is gone is
    /// found out by pings, ``RPCServerConfiguration/Keepalive``.
    public var requestSilenceTimeout: Duration = .seconds(300)
    /// How long a response may wait for the peer's window or socket without a byte moving: 120 s. Beyond it: the
    /// connection ends.
    public var writeStallTimeout: Duration = .seconds(120)
}
