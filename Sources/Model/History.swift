/// Which state of a key is meant.
public enum Revision: Hashable, Sendable {
    /// The state with this version, from 1.
    case version(Int64)
    /// The state so many versions before the last one: 1 is the one before it.
    case back(Int64)
    /// The state right after this event, whatever key it was of. ``Ref/zero`` is before the first.
    case asOf(Ref)

    /// The version with a number above 0, and below 0 so many back; `nil` for 0, which is the current state.
    public init?(number: Int64) {
        switch number {
        case 0: return nil
        case 1...: self = .version(number)
        // The lowest number has no opposite.
        default: self = .back(number == .min ? .max : -number)
        }
    }
}

/// A state that a key has, or had.
public struct KeyRevision: Hashable, Sendable {
    /// The state; a tombstone if the key had ended.
    public var record: Record
    /// What made it so; `nil` if the log doesn't keep that any more.
    public var kind: Event.Kind?
    /// When that was; `nil` if the log doesn't keep it any more.
    public var time: Timestamp?
    /// Who did it; `nil` if the log doesn't keep it any more.
    public var clientID: String?

    /// A state of which no more is known.
    public init(_ record: Record) { self.record = record }

    /// The state that an event made.
    public init(_ event: Event) {
        record = Record(after: event)
        kind = event.kind
        time = event.time
        clientID = event.clientID
    }
}

/// Which states of a key to tell, newest first.
public struct HistoryRequest: Hashable, Sendable {
    /// The key.
    public var key: Key
    /// Where to go on: ``HistoryPage/next`` of the page before.
    public var page: Ref?
    /// The most states to return; `nil` or more than ``Limits/historyEntries`` means that limit.
    public var limit: Int?
    /// Who reads: the holder of a lock may read what it has locked.
    public var clientID: String

    /// The states of a key.
    public init(_ key: Key, limit: Int? = nil, page: Ref? = nil, clientID: String = "") {
        self.key = key
        self.limit = limit
        self.page = page
        self.clientID = clientID
    }
}

/// A page of a key's states, newest first: one for each version. Locking and unlocking make none.
public struct HistoryPage: Hashable, Sendable {
    /// The states.
    public var revisions: [KeyRevision]
    /// Where the next page starts, or `nil` when this is the last.
    public var next: Ref?
    /// Whether the last page goes back to the key's first version. If not, what was before isn't kept or isn't shown.
    public var isWhole: Bool

    /// A page with each of its fields.
    public init(revisions: [KeyRevision], next: Ref?, isWhole: Bool) {
        self.revisions = revisions
        self.next = next
        self.isWhole = isWhole
    }
}
