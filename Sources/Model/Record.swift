/// A key's current state.
///
/// A deleted key keeps its record as a *tombstone*, so that ``version`` goes on growing through deletion and
/// re-creation. Stores never return tombstones from `get` and `list`.
public struct Record: Hashable, Sendable {
    /// The key.
    public var key: Key
    /// What the key holds; empty on a tombstone.
    public var value: Value
    /// How often the key was created, set, deleted, expired or pruned, from 1, through deletion and re-creation.
    public var version: Int64
    /// The version at which the key was last created: `version - createdVersion + 1` counts the changes of this life.
    public var createdVersion: Int64
    /// The event that last created the key.
    public var createdRef: Ref
    /// The event that last changed the key, in whatever way.
    public var updatedRef: Ref
    /// The event that ended the key, or `nil` while it lives.
    public var deletedRef: Ref?
    /// The lease the key lives on; on a tombstone, the one it lived on.
    public var leaseID: LeaseID
    /// The token of the lock that the key is under; ``Ref/zero`` for none. The lock may be past its deadline by a
    /// moment.
    public var lockToken: Ref

    /// A record with each of its fields.
    public init(
        key: Key, value: Value, version: Int64, createdVersion: Int64, createdRef: Ref, updatedRef: Ref,
        deletedRef: Ref?, leaseID: LeaseID, lockToken: Ref = .zero
    ) {
        self.key = key
        self.value = value
        self.version = version
        self.createdVersion = createdVersion
        self.createdRef = createdRef
        self.updatedRef = updatedRef
        self.deletedRef = deletedRef
        self.leaseID = leaseID
        self.lockToken = lockToken
    }

    /// Whether the key exists.
    public var isLive: Bool { deletedRef == nil }

    /// The state that `event` left its key in.
    public init(after event: Event) {
        self.init(
            key: event.key, value: event.value ?? Value(bytes: []), version: event.version,
            createdVersion: event.createdVersion, createdRef: event.createdRef, updatedRef: event.ref,
            deletedRef: event.kind.endsKey ? event.ref : nil, leaseID: event.leaseID, lockToken: event.lockToken)
    }
}
