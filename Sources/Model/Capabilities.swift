/// One thing that a home can do or not.
///
/// The same record gates the conformance checks, the table in the documentation, and the error
/// ``StoreError/Code/unsupported`` that a caller gets.
public struct Capability: RawRepresentable, Hashable, Sendable, CaseIterable {
    /// The capability's name.
    public let rawValue: String
    /// The capability with this name.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// What was acknowledged survives a crash of the process and of the machine.
    public static let durable = Capability(rawValue: "durable")
    /// Transactions over several keys.
    public static let transactions = Capability(rawValue: "transactions")
    /// Leases that can be granted, shown, listed, kept alive and expired.
    public static let leases = Capability(rawValue: "leases")
    /// Locks on keys, and lifespans.
    public static let locks = Capability(rawValue: "locks")
    /// A log of events that can be read from any ref it keeps.
    public static let eventLog = Capability(rawValue: "event log")
    /// Consumers whose cursor the store keeps.
    public static let consumers = Capability(rawValue: "consumers")
    /// A transaction with a request id runs once, however often it is sent.
    public static let requestIDs = Capability(rawValue: "request ids")
    /// The log can be compacted.
    public static let compaction = Capability(rawValue: "compaction")
    /// A copy can be made while the store is in use.
    public static let backup = Capability(rawValue: "backup")
    /// Watches can be told who reads values.
    public static let accesses = Capability(rawValue: "accessed events")
    /// Several processes may have the home open and see each other's events.
    public static let sharedHome = Capability(rawValue: "shared home")

    /// Every capability, in the order of the documentation.
    public static let allCases: [Capability] = [
        .durable, .transactions, .leases, .locks, .eventLog, .consumers, .requestIDs, .compaction, .accesses, .backup,
        .sharedHome,
    ]
}

/// What a home can do.
public struct Capabilities: Hashable, Sendable {
    /// What it can do.
    public var supported: Set<Capability>

    /// The capabilities listed.
    public init(_ supported: Set<Capability>) { self.supported = supported }

    /// Whether the home can do it.
    public func has(_ capability: Capability) -> Bool { supported.contains(capability) }

    /// Throws ``StoreError/Code/unsupported``, naming the capability, unless the home has it.
    public func require(_ capability: Capability) throws(StoreError) {
        guard has(capability) else {
            throw StoreError(.unsupported, "this store does not support: \(capability.rawValue)")
        }
    }
}
