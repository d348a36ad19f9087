public import CairnModel

/// What a batch decided: all that an engine has to store, in one atomic step.
public struct Changes: Sendable {
    /// The new events, with consecutive refs after the old head.
    public var events: [Event] = []
    /// The leases that were made or changed. Only leases that were granted or have a deadline are stored.
    public var leases: [LeaseID: Lease?] = [:]
    /// The locks that were taken or extended, by token, or `nil` for those that have ended.
    public var locks: [Ref: Lock?] = [:]
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

    /// The earliest deadline of the leases and locks that were made or changed.
    public var earliestDeadline: Timestamp? {
        if leases.isEmpty, locks.isEmpty { return nil }
        let deadlines = leases.values.map { $0?.deadline } + locks.values.map { $0?.deadline }
        return deadlines.compactMap(\.self).min()
    }

    /// The records as the batch left them: the state after each key's last event, in the order of those events.
    ///
    /// Found without hashing a key: an event that is not the last of its key is the `previousRef` of a later one, and
    /// the refs of a batch are consecutive.
    public var records: [Record] {
        guard let first = events.first?.ref.rawValue else { return [] }
        var isLast = [Bool](repeating: true, count: events.count)
        for event in events {
            if let previous = event.previousRef?.rawValue, previous >= first { isLast[Int(previous - first)] = false }
        }
        var records: [Record] = []
        records.reserveCapacity(events.count)
        for (index, event) in events.enumerated() where isLast[index] { records.append(Record(after: event)) }
        return records
    }
}
