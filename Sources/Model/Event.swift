/// One change of one key. Events never change, and there is one for each change.
public struct Event: Hashable, Sendable {
    /// What happened. An open set: a store may return kinds that a program doesn't know.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        /// The number that is stored and sent.
        public let rawValue: Int32
        /// The kind with this number.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// The key came to be, for the first time or again.
        public static let created = Kind(rawValue: 1)
        /// The key was set while it existed.
        public static let updated = Kind(rawValue: 2)
        /// The key was deleted by a caller.
        public static let deleted = Kind(rawValue: 3)
        /// The key ended with its lease, at its deadline or because a caller expired it.
        public static let expired = Kind(rawValue: 4)
        /// A client took a lock on the key, or extended the one it has. Neither value nor version have changed.
        public static let locked = Kind(rawValue: 5)
        /// The key's lock was given back, or its deadline passed. Neither value nor version have changed.
        public static let unlocked = Kind(rawValue: 6)

        /// The key was deleted to make room for others.
        public static let pruned = Kind(rawValue: 7)

        /// The key's value was read. Never in the log, and never the kind of an event: who watches for it is told by
        /// ``WatchUpdate/accesses(_:missed:)``.
        public static let accessed = Kind(rawValue: 8)

        /// The kinds that this version of Cairn writes to the log.
        public static let logged: [Kind] = [.created, .updated, .deleted, .expired, .locked, .unlocked, .pruned]
        /// The kinds that a watch can ask for.
        public static let all: [Kind] = logged + [.accessed]

        /// Whether the key does not exist after such an event.
        public var endsKey: Bool { self == .deleted || self == .expired || self == .pruned }
        /// Whether such an event tells of the key's lock alone, and leaves the key's version as it is.
        public var isOfLock: Bool { self == .locked || self == .unlocked }
    }

    /// The event's place in the log.
    public var ref: Ref
    /// What happened.
    public var kind: Kind
    /// The key it happened to.
    public var key: Key
    /// The key's version after the event.
    public var version: Int64
    /// The value after the event; `nil` when the key ended.
    public var value: Value?
    /// The lease the key lives on, or lived on when it ended.
    public var leaseID: LeaseID
    /// The event that last created the key; this one for ``Kind/created``.
    public var createdRef: Ref
    /// The key's version when it was last created.
    public var createdVersion: Int64
    /// The event before this one of the same key, or `nil` for a key's first.
    public var previousRef: Ref?
    /// When it was committed, by the clock of the store.
    public var time: Timestamp
    /// The client that caused it, as it named itself; empty when nobody did.
    public var clientID: String
    /// The place among the events of its transaction, from 0.
    public var transactionIndex: Int32
    /// How many events its transaction made.
    public var transactionCount: Int32
    /// The token of the lock that the key is under after the event; ``Ref/zero`` for none.
    public var lockToken: Ref

    /// An event with each of its fields.
    public init(
        ref: Ref, kind: Kind, key: Key, version: Int64, value: Value?, leaseID: LeaseID, createdRef: Ref,
        createdVersion: Int64, previousRef: Ref?, time: Timestamp, clientID: String = "",
        transactionIndex: Int32 = 0, transactionCount: Int32 = 1, lockToken: Ref = .zero
    ) {
        self.ref = ref
        self.kind = kind
        self.key = key
        self.version = version
        self.value = value
        self.leaseID = leaseID
        self.createdRef = createdRef
        self.createdVersion = createdVersion
        self.previousRef = previousRef
        self.time = time
        self.clientID = clientID
        self.transactionIndex = transactionIndex
        self.transactionCount = transactionCount
        self.lockToken = lockToken
    }

    /// Whether it is the last event of its transaction.
    public var endsTransaction: Bool { transactionIndex == transactionCount - 1 }
}

extension Event.Kind: CustomStringConvertible {
    /// The kind in lower case, such as `created`; `kind 17` for a kind this version doesn't know.
    public var description: String {
        switch self {
        case .created: "created"
        case .updated: "updated"
        case .deleted: "deleted"
        case .expired: "expired"
        case .locked: "locked"
        case .unlocked: "unlocked"
        case .pruned: "pruned"
        case .accessed: "accessed"
        default: "kind \(rawValue)"
        }
    }

    /// The kind with this name, or `nil` when there is none.
    public init?(name: some StringProtocol) {
        guard let kind = Event.Kind.all.first(where: { $0.description == name }) else { return nil }
        self = kind
    }
}
