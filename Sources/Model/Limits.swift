/// How large things may be. A store enforces its limits on what comes in, so what was accepted can always be read back.
public struct Limits: Hashable, Sendable {
    /// A key's length in bytes. At most 1,024.
    public var keyBytes: Int
    /// A value's size in bytes. At most 4 MiB.
    public var valueBytes: Int
    /// The conditions, and the operations of each branch, of one transaction.
    public var transactionOperations: Int
    /// The keys and values of one transaction in bytes, all together.
    public var transactionBytes: Int
    /// The events that one transaction may make: what bounds `deleteRange`.
    public var transactionEvents: Int
    /// The length of a client id or of a consumer's name in bytes of UTF-8.
    public var nameBytes: Int
    /// How many keys may be live at once; `nil` for any number. A new one beyond them is refused with
    /// ``StoreError/Code/maxKeys``. Only a home that knows how many it has can have such a limit.
    public var keys: Int?
    /// The entries of one page of a list.
    public var pageEntries: Int
    /// The size in bytes after which a page of a list, or a batch of events, ends. One entry may go beyond it.
    public var pageBytes: Int
    /// The states of a key in one page of its history.
    public var historyEntries: Int
    /// The length of a ``KeyPattern`` in bytes of UTF-8.
    public var patternBytes: Int
    /// The ranges of keys, and the client ids, that one watch may name.
    public var watchFilters: Int
    /// The transactions that may wait to be written; one more is refused with ``StoreError/Code/overloaded``.
    public var waitingTransactions: Int
    /// The bytes that may wait to be written.
    public var waitingBytes: Int
    /// How long a request id is remembered.
    public var requestWindow: Duration
    /// The longest lifetime that a lease can be given: 100 years.
    public var leaseDuration: Duration
    /// How long a lifespan may be: a microsecond to 100 years.
    public var lifespans: ClosedRange<Duration>
    /// How long a lock may be taken for at once: a microsecond to 100 years.
    public var lockDurations: ClosedRange<Duration>

    /// The limits of a store that sets none of its own.
    public init() {
        keyBytes = 1_024
        valueBytes = 4 << 20
        transactionOperations = 1_000
        transactionBytes = 8 << 20
        transactionEvents = 100_000
        nameBytes = 255
        keys = nil
        pageEntries = 10_000
        pageBytes = 1 << 20
        historyEntries = 1_000
        patternBytes = 1_024
        watchFilters = 1_000
        waitingTransactions = 100_000
        waitingBytes = 64 << 20
        requestWindow = .seconds(600)
        leaseDuration = .seconds(100 * 365 * 86_400)
        lifespans = .microseconds(1)...leaseDuration
        lockDurations = .microseconds(1)...leaseDuration
    }

    /// The limits of a store that sets none of its own.
    public static let standard = Limits()
}
