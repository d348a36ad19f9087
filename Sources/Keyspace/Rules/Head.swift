public import CairnModel

/// Where the log stands: what a batch starts from and leaves behind.
public struct Head: Hashable, Sendable {
    /// The last event; ``Ref/zero`` before the first.
    public var lastRef: Ref
    /// The oldest event that may be read; one past the last when none may.
    public var oldestRef: Ref
    /// The last number given to a lease by the store.
    public var lastLeaseID: LeaseID
    /// The time of the last batch. A later batch is never dated before it, whatever the clock says.
    public var time: Timestamp

    /// A head with each of its fields.
    public init(lastRef: Ref, oldestRef: Ref, lastLeaseID: LeaseID, time: Timestamp) {
        self.lastRef = lastRef
        self.oldestRef = oldestRef
        self.lastLeaseID = lastLeaseID
        self.time = time
    }

    /// The head of a new store.
    public static let empty = Head(lastRef: 0, oldestRef: 1, lastLeaseID: 0, time: Timestamp(microseconds: 0))
}
