/// A key-value store: mutable records and one ordered log of immutable events.
///
/// Every home honours this contract, in the process or behind a network, and every door uses it. Writes are strictly
/// serialisable; reads are linearizable unless a caller asks for less. All methods may be called from any task.
/// Every method throws ``StoreError/Code/closed`` once the store is closed, and what its home's failures are
/// (``StoreError/Code/storageFailed`` and its siblings, ``StoreError/Code/unavailable``).
public protocol Store: Sendable {
    /// What this store can do.
    var capabilities: Capabilities { get }
    /// How large things may be.
    var limits: Limits { get }

    /// The live record of a key, or `nil`. Throws ``StoreError/Code/invalidKey``, or ``StoreError/Code/keyLocked`` if
    /// another client than `clientID` has locked the key exclusively.
    func get(_ key: Key, consistency: ReadConsistency, clientID: String) async throws(StoreError) -> Record?

    /// A page of live records, in bytewise order.
    func list(_ request: ListRequest) async throws(StoreError) -> ListPage

    /// A state that a key has or had, or `nil` if it never had such a one, or it isn't to be seen any more.
    ///
    /// Takes time with the changes that were made since. Throws ``StoreError/Code/compacted`` where the log would have
    /// to tell and doesn't keep it, ``StoreError/Code/futureRef``, ``StoreError/Code/historyOff``, and
    /// ``StoreError/Code/keyLocked`` as ``get(_:consistency:clientID:)`` does.
    func revision(of key: Key, _ revision: Revision, clientID: String) async throws(StoreError) -> KeyRevision?

    /// The states of a key, newest first, as far as the log keeps them. Throws as ``revision(of:_:clientID:)`` does.
    func history(_ request: HistoryRequest) async throws(StoreError) -> HistoryPage

    /// What there is to tell of a live key, as of one moment, or `nil`. Locks keep nobody from it.
    ///
    /// Without `withValue` the record's value is left out. With it, throws ``StoreError/Code/keyLocked`` if another
    /// client than `clientID` has locked the key exclusively. Throws ``StoreError/Code/invalidKey``. Costs a pass over
    /// the value for its hash.
    func inspect(_ key: Key, withValue: Bool, clientID: String) async throws(StoreError) -> KeyInspection?

    /// Runs a transaction, and returns when it is as durable as the home can make it.
    ///
    /// Throws what its operations fail with; then nothing of it happened. A condition that does not hold is not an
    /// error. When the task is cancelled while the transaction waits for its turn, it throws
    /// ``StoreError/Code/cancelled``, and nothing happened if ``StoreError/retry`` says that a retry is safe.
    func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult

    /// Streams events. Throws ``StoreError/Code/invalidRef``, ``StoreError/Code/futureRef`` or
    /// ``StoreError/Code/compacted``, and ``StoreError/Code/unsupported`` if reads are asked for where there is no
    /// ``Capability/accesses``.
    ///
    /// The stream's start is fixed when this returns: what is committed afterwards is delivered.
    func watch(_ request: WatchRequest) async throws(StoreError) -> WatchStream

    /// A lease, with the live keys on it if asked, or `nil` when there is none.
    func lease(_ id: LeaseID, withKeys: Bool) async throws(StoreError) -> LeaseStatus?

    /// Leases that were granted or have a deadline, by number, at most `limit`, from `first` on; without their keys.
    func leases(from first: LeaseID, limit: Int) async throws(StoreError) -> [LeaseStatus]

    /// The lock that a live key is under, or `nil` when it is under none.
    func lock(of key: Key) async throws(StoreError) -> LockStatus?

    /// Locks by token, at most `limit`, from `first` on.
    func locks(from first: Ref, limit: Int) async throws(StoreError) -> [LockStatus]

    /// Takes a lock as ``Operation/lock(_:duration:mode:createIfMissing:)`` does; while another client has it, waits
    /// for it, together with others who wait here in the order in which they came.
    ///
    /// Throws ``StoreError/Code/keyLocked`` when the key is still locked after ``LockRequest/wait``, and
    /// ``StoreError/Code/cancelled`` when the task is cancelled; then the lock was not taken.
    func acquireLock(_ request: LockRequest) async throws(StoreError) -> Lock

    /// A consumer, or `nil` when none of that name has acknowledged anything.
    func consumer(_ name: String) async throws(StoreError) -> Consumer?

    /// The consumers by name, bytewise, at most `limit`, with names after `name`.
    func consumers(after name: String, limit: Int) async throws(StoreError) -> [Consumer]

    /// Where the log begins and ends.
    func status() async throws(StoreError) -> StoreStatus

    /// Writes a copy of the store, as it is at one moment, to a file that must not exist. Others go on reading and
    /// writing.
    ///
    /// Throws ``StoreError/Code/unsupported`` where there is no ``Capability/backup``.
    func backup(toFile path: String) async throws(StoreError)

    /// Stops: waits for writes under way, ends the streams, frees everything. Further calls do nothing.
    func close() async
}

/// A store that can be used without a task: by servers, for which a task is a good part of a call's cost.
public protocol DirectStore: Store {
    /// The live record of a key, as a linearizable ``Store/get(_:consistency:clientID:)`` finds it, if it can be told
    /// at once.
    ///
    /// `nil` says nothing of the key: only that it must be asked for with ``get(_:clientID:answer:)``. Never blocks.
    func readyRecord(_ key: Key, clientID: String) -> Record?

    /// Finds the live record of a key as a linearizable ``Store/get(_:consistency:clientID:)`` does, and calls `answer`
    /// once with what that returns or throws.
    ///
    /// Never blocks for a home that does. `answer` is called on any thread, possibly before this returns, together
    /// with those of others; it must be quick.
    func get(_ key: Key, clientID: String, answer: @escaping @Sendable (Result<Record?, StoreError>) -> Void)

    /// Runs a transaction as ``Store/commit(_:)`` does, and calls `answer` once with what that returns or throws.
    ///
    /// `isWanted` is asked, from any thread, when the transaction's turn has come: if it says no, as the caller has
    /// gone or its time is up, nothing is done, and the answer is ``StoreError/Code/cancelled``. It must be quick.
    /// Never blocks for a home that does. `answer` is called on any thread, possibly before this returns, together
    /// with those of others; it must be quick.
    func commit(
        _ transaction: Transaction, isWanted: (@Sendable () -> Bool)?,
        answer: @escaping @Sendable (Result<TransactionResult, StoreError>) -> Void)
}

extension DirectStore {
    /// Runs a transaction whatever becomes of its caller.
    public func commit(
        _ transaction: Transaction, answer: @escaping @Sendable (Result<TransactionResult, StoreError>) -> Void
    ) {
        commit(transaction, isWanted: nil, answer: answer)
    }
}

/// Where a store's log begins and ends.
public struct StoreStatus: Hashable, Sendable {
    /// The last event; ``Ref/zero`` when there is none yet.
    public var headRef: Ref
    /// The oldest event that is kept; one past the head when none is.
    public var oldestRef: Ref
    /// The store's clock.
    public var time: Timestamp
    /// The home, such as `memory` or `sqlite`.
    public var home: String

    /// A status with each of its fields.
    public init(headRef: Ref, oldestRef: Ref, time: Timestamp, home: String) {
        self.headRef = headRef
        self.oldestRef = oldestRef
        self.time = time
        self.home = home
    }
}
