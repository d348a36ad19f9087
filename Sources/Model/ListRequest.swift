/// How fresh a read must be.
public enum ReadConsistency: Hashable, Sendable {
    /// The read sees every write that was acknowledged before it began.
    case linearizable
    /// The read may see an earlier state, as a read replica has it. Homes without one answer linearizably.
    case stale
}

/// Which records to list, and how.
public struct ListRequest: Hashable, Sendable {
    /// The keys to list.
    public var range: KeyRange
    /// The bytes that ``depth`` counts from; usually the prefix that ``range`` was made from.
    public var root: Key
    /// How many levels below ``root`` to list, counted by `/`; deeper keys are rolled up into their directory at that
    /// level. `nil` lists every key.
    public var depth: Int?
    /// Whether to leave the values out.
    public var keysOnly: Bool
    /// The most entries to return; `nil` or more than ``Limits/pageEntries`` means that limit.
    public var limit: Int?
    /// Where to go on: ``ListPage/next`` of the page before.
    public var page: Key?
    /// How fresh the list must be.
    public var consistency: ReadConsistency
    /// Who reads: the holder of a lock may read what it has locked.
    public var clientID: String
    /// Only keys that this matches; `nil` for all. A page may then have fewer entries than its limit, or none, and not
    /// be the last: looking through many keys for few is done a page at a time.
    public var pattern: KeyPattern?
    /// The state right after this event, instead of the current one. Costs a look at the log for each key that has
    /// changed since. Fails with ``StoreError/Code/compacted`` where the log doesn't keep what a key was then.
    public var asOf: Ref?

    /// The live records of a range.
    public init(
        range: KeyRange, root: Key = Key(bytes: []), depth: Int? = nil, keysOnly: Bool = false, limit: Int? = nil,
        page: Key? = nil, consistency: ReadConsistency = .linearizable, clientID: String = "",
        pattern: KeyPattern? = nil, asOf: Ref? = nil
    ) {
        self.range = range
        self.root = root
        self.depth = depth
        self.keysOnly = keysOnly
        self.limit = limit
        self.page = page
        self.consistency = consistency
        self.clientID = clientID
        self.pattern = pattern
        self.asOf = asOf
    }

    /// The live records whose keys start with `prefix`, compared bytewise.
    public init(
        prefix: Key, depth: Int? = nil, keysOnly: Bool = false, limit: Int? = nil, page: Key? = nil,
        consistency: ReadConsistency = .linearizable, clientID: String = "", pattern: KeyPattern? = nil,
        asOf: Ref? = nil
    ) {
        self.init(
            range: KeyRange(prefix: prefix), root: prefix, depth: depth, keysOnly: keysOnly, limit: limit, page: page,
            consistency: consistency, clientID: clientID, pattern: pattern, asOf: asOf)
    }
}

/// One page of a list, in bytewise order of the keys. A page is one moment of the store; the next page may be a later
/// one.
public struct ListPage: Hashable, Sendable {
    /// One line of a list.
    public enum Entry: Hashable, Sendable {
        /// A live record; with an empty value when only keys were asked for.
        case record(Record)
        /// Keys below this one, rolled up; it ends with `/`.
        case directory(Key)
    }

    /// The entries.
    public var entries: [Entry]
    /// Where the next page starts, or `nil` when this is the last.
    public var next: Key?
    /// The last event in the log when the page was read.
    public var ref: Ref
    /// Keys among the entries whose values were left out, because another client has locked them exclusively; in order.
    public var withheld: [Key]

    /// A page with each of its fields.
    public init(entries: [Entry], next: Key?, ref: Ref, withheld: [Key] = []) {
        self.entries = entries
        self.next = next
        self.ref = ref
        self.withheld = withheld
    }

    /// The records among the entries.
    public var records: [Record] {
        entries.compactMap { if case .record(let record) = $0 { record } else { nil } }
    }
}
