import CairnModel

/// A database server, as the baseline uses it.
protocol BaselineDatabase: Sendable {
    /// Makes the tables `baseline_events` and `baseline_records`, if they aren't there. Blocks.
    func prepare() throws(StoreError)
    /// Opens a connection. Blocks.
    func connect() throws(StoreError) -> any BaselineConnection
}

/// A connection, used by one thread. Each method is one round trip, and blocks for it.
///
/// A failure with ``CairnModel/StoreError/Code/unavailable`` means that the connection is of no more use.
protocol BaselineConnection: AnyObject {
    /// The row of a key, or `nil`.
    func read(_ key: Key) throws(StoreError) -> Record?
    /// The row of a key without its value, or `nil`.
    func readForUpdate(_ key: Key) throws(StoreError) -> Record?
    /// Adds the event of a change, and stores its record if the key's version is still the one before; in one
    /// transaction, durable on return. Returns the event's ref, or `nil` if somebody else was first: then nothing was
    /// changed.
    func write(_ change: BaselineChange) throws(StoreError) -> Ref?
    /// Closes the connection.
    func close()
}

/// What a set does to a key: what its event and its record say, but for the ref, which the database gives.
struct BaselineChange {
    var key: Key
    var value: Value
    var clientID: String
    var kind: Event.Kind
    var version: Int64
    var createdVersion: Int64
    /// `nil` if this change's own event creates the key.
    var createdRef: Ref?
    var previousRef: Ref?

    /// The change of a set, after the row that was read.
    init(key: Key, value: Value, clientID: String, after current: Record?) {
        self.key = key
        self.value = value
        self.clientID = clientID
        kind = current == nil ? .created : .updated
        version = (current?.version ?? 0) + 1
        createdVersion = current?.createdVersion ?? 1
        createdRef = current?.createdRef
        previousRef = current?.updatedRef
    }

    /// The record that the change leaves, once its ref is known.
    func record(at ref: Ref) -> Record {
        Record(
            key: key, value: value, version: version, createdVersion: createdVersion, createdRef: createdRef ?? ref,
            updatedRef: ref, deletedRef: nil, leaseID: 0)
    }
}
