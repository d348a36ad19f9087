public import CairnModel

/// What a batch decided: all that an engine has to store, in one atomic step.
public struct Changes: Sendable {
    /// The new events, with consecutive refs after the old head.
    public var events: [Event] = []
    /// The leases that were made or changed. Only leases that were granted or have a deadline are stored.
    public var leases: [LeaseID: Lease?] = [:]
    /// The consumers that were made or moved, or `nil` for those that were deleted.
    public var consumers: [String: Consumer?] = [:]
    /// The results to remember for their request ids.
    public var results: [RequestID: TransactionResult] = [:]
    /// Request ids last used before this time may be forgotten.
    public var forgetRequestsBefore: Timestamp?
    /// The head to leave behind.
    public var head: Head

    /// No change to `head`.
    public init(head: Head) { self.head = head }

    /// The records as the batch left them: the state after each key's last event, in the order of those events.
    public var records: [Record] {
        guard events.count > 1 else { return events.map(Record.init(after:)) }
        var seen: Set<Key> = []
        var records: [Record] = []
        for event in events.reversed() where seen.insert(event.key).inserted {
            records.append(Record(after: event))
        }
        return records.reversed()
    }
}
