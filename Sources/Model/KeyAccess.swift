/// A read of a key's value, as a watch of the kind ``Event/Kind/accessed`` is told of it.
///
/// No event: it has no place in the log, is told once, while it happens, and is kept nowhere. A get, a get in a
/// transaction, a pop, and an inspection with the value are reads; lists, watches and looks at what a key was are none,
/// and neither is what found no key or was refused.
public struct KeyAccess: Hashable, Sendable {
    /// The key whose value was read.
    public var key: Key
    /// The key's version that was read.
    public var version: Int64
    /// The event that had last changed the key: where in the log what was read comes from.
    public var updatedRef: Ref
    /// When it was read, by the clock of the process that answered.
    public var time: Timestamp
    /// Who read it, as the client named itself; empty when it gave no name.
    public var clientID: String

    /// An access with each of its fields.
    public init(key: Key, version: Int64, updatedRef: Ref, time: Timestamp, clientID: String) {
        self.key = key
        self.version = version
        self.updatedRef = updatedRef
        self.time = time
        self.clientID = clientID
    }
}

/// How many reads could not be told of.
public enum MissedAccesses: Hashable, Sendable {
    /// None.
    case none
    /// At most so many: there was no room for them. Some may have been of keys that the watch doesn't ask for.
    case upTo(Int)
    /// Nobody knows: the connection was broken meanwhile.
    case unknown
}

extension WatchRequest {
    /// Whether reads are asked for, besides events.
    public var wantsAccesses: Bool { kinds.contains(.accessed) }
}
