/// A client's hold on a key until a deadline.
///
/// The holder is a client id: whoever comes with that id holds the lock. A lock goes when its deadline passes, when the
/// holder gives it back, and with its key. Its *fencing token* is the ref of the event that granted it, so tokens grow
/// with every grant in the store, and what a late holder still sends can be told from what the next one does
/// (``Condition/Test/lockToken(_:_:)``, or by a service that remembers the highest token it has seen).
public struct Lock: Hashable, Sendable {
    /// What others may still do with the key.
    public struct Mode: RawRepresentable, Hashable, Sendable {
        /// The number that is stored and sent.
        public let rawValue: Int32
        /// The mode with this number.
        public init(rawValue: Int32) { self.rawValue = rawValue }
        /// Neither read nor write.
        public static let exclusive = Mode(rawValue: 0)
        /// Read, but not write.
        public static let write = Mode(rawValue: 1)
    }

    /// The event that granted it.
    public var token: Ref
    /// The key that is held.
    public var key: Key
    /// The client that holds it.
    public var owner: String
    /// What others may still do.
    public var mode: Mode
    /// When it ends by itself.
    public var deadline: Timestamp
    /// How long it was taken for, or last extended by.
    public var duration: Duration

    /// A lock with each of its fields.
    public init(token: Ref, key: Key, owner: String, mode: Mode, deadline: Timestamp, duration: Duration) {
        self.token = token
        self.key = key
        self.owner = owner
        self.mode = mode
        self.deadline = deadline
        self.duration = duration
    }

    /// Whether the lock's deadline has passed at `now`. At the deadline itself it has.
    public func isDue(at now: Timestamp) -> Bool { deadline <= now }
}

extension Lock.Mode: CustomStringConvertible {
    /// `exclusive` or `write`; `mode 7` for one this version doesn't know.
    public var description: String {
        switch self {
        case .exclusive: "exclusive"
        case .write: "write"
        default: "mode \(rawValue)"
        }
    }

    /// The mode with this name, or `nil` when there is none.
    public init?(name: some StringProtocol) {
        guard let mode = [Lock.Mode.exclusive, .write].first(where: { $0.description == name }) else { return nil }
        self = mode
    }
}

/// A lock as it was at one moment.
public struct LockStatus: Hashable, Sendable {
    /// The lock.
    public var lock: Lock
    /// How long it still had when it was read; never negative.
    public var timeLeft: Duration

    /// A status with each of its fields.
    public init(lock: Lock, timeLeft: Duration) {
        self.lock = lock
        self.timeLeft = timeLeft
    }
}

/// A lock that a client wants.
public struct LockRequest: Hashable, Sendable {
    /// The key.
    public var key: Key
    /// How long the lock shall last, from when it is granted.
    public var duration: Duration
    /// What others may still do.
    public var mode: Lock.Mode
    /// Whether to create the key with an empty value if it does not exist.
    public var createIfMissing: Bool
    /// Who shall hold it.
    public var clientID: String
    /// How long to wait while another client has the lock; `nil` for ever.
    public var wait: Duration?
    /// Makes it safe to ask again when the outcome is unknown.
    public var requestID: RequestID?

    /// A request that doesn't wait, unless told otherwise.
    public init(
        _ key: Key, for duration: Duration, mode: Lock.Mode = .exclusive, createIfMissing: Bool = false,
        clientID: String, wait: Duration? = .zero, requestID: RequestID? = nil
    ) {
        self.key = key
        self.duration = duration
        self.mode = mode
        self.createIfMissing = createIfMissing
        self.clientID = clientID
        self.wait = wait
        self.requestID = requestID
    }
}
