/// The one write of a store: conditions, the operations to run if all of them hold, and others to run if not.
///
/// A transaction happens whole or not at all. Its operations run in order and see each other's effects; each change
/// is an event of its own, with consecutive refs. `set`, `delete` and the other writes of ``Store`` build one.
public struct Transaction: Hashable, Sendable {
    /// What must hold for ``operations`` to run; all of it, judged at one moment.
    public var conditions: [Condition]
    /// What runs when the conditions hold.
    public var operations: [Operation]
    /// What runs when a condition does not hold.
    public var otherwise: [Operation]
    /// Who writes; carried by the events. Up to ``Limits/nameBytes`` bytes.
    public var clientID: String
    /// Makes it safe to send the transaction again when its outcome is unknown: a store with
    /// ``Capability/requestIDs`` runs the same id once within ``Limits/requestWindow`` and answers a repetition with
    /// what the first one did.
    public var requestID: RequestID?

    /// A transaction; without conditions its operations always run.
    public init(
        if conditions: [Condition] = [], then operations: [Operation], otherwise: [Operation] = [],
        clientID: String = "", requestID: RequestID? = nil
    ) {
        self.conditions = conditions
        self.operations = operations
        self.otherwise = otherwise
        self.clientID = clientID
        self.requestID = requestID
    }
}

/// Sixteen bytes that name one request, chosen at random by who makes it.
public struct RequestID: Hashable, Sendable {
    /// The sixteen bytes.
    public let bytes: [UInt8]

    /// The id of these bytes, or `nil` unless there are sixteen.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// An id from the system's random numbers.
    public static func random() -> RequestID {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    /// An id from `generator`.
    public static func random(using generator: inout some RandomNumberGenerator) -> RequestID {
        var bytes: [UInt8] = []
        for _ in 0..<2 {
            let word: UInt64 = generator.next()
            bytes.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) })
        }
        return RequestID(unchecked: bytes)
    }

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }
}

/// What a transaction demands of one key.
///
/// A key that does not exist, be it deleted or never created, has version 0, refs 0 and no value: so
/// `version(.equal, 0)` is the same as ``Test/absent``, and a version seen before a deletion never matches after it.
public struct Condition: Hashable, Sendable {
    /// How the key's figure is held against the one given.
    public enum Comparison: Hashable, Sendable, CaseIterable {
        /// The key's is the same.
        case equal
        /// The key's differs.
        case notEqual
        /// The key's is smaller.
        case less
        /// The key's is greater.
        case greater
    }

    /// What is looked at.
    public enum Test: Hashable, Sendable {
        /// The key does not exist.
        case absent
        /// The key exists.
        case present
        /// The key's version.
        case version(Comparison, Int64)
        /// The event that created the key.
        case createdRef(Comparison, Ref)
        /// The event that last changed the key.
        case updatedRef(Comparison, Ref)
        /// The value, compared bytewise. Never holds for a key that does not exist, but for `notEqual`.
        case value(Comparison, Value)
        /// The lease that the key is on.
        case lease(Comparison, LeaseID)
        /// The token of the lock that the key is under; ``Ref/zero`` if it is under none.
        case lockToken(Comparison, Ref)
    }

    /// The key that is looked at.
    public var key: Key
    /// What must hold for it.
    public var test: Test

    /// The demand that `test` holds for `key`.
    public init(_ key: Key, _ test: Test) {
        self.key = key
        self.test = test
    }
}

/// What a set says of the key's deadline. It never touches the deadline of another key.
public enum Expiry: Hashable, Sendable {
    /// Nothing: a live key keeps its lease and its deadline, a new one never expires.
    case keep
    /// The key shall not expire by itself.
    case never
    /// The key expires at this time. One that has passed is accepted: the key expires at once.
    case at(Timestamp)
    /// The key expires this long after the commit.
    case after(Duration)
    /// The key expires this long after the commit, and each set that says ``keep`` gives it this time anew: a
    /// *lifespan*. A key with one is on a lease of its own, whose number ``LeaseID/isLifespan``.
    case lifespan(Duration)
}

/// One step of a transaction.
public enum Operation: Hashable, Sendable {
    /// Sets the value of a key, creating it if need be.
    ///
    /// With a `lease` the key moves to that lease and lives by its deadline; `expiry` must then be `keep`. Without
    /// one, a deadline concerns this key alone: a key that shares a lease, or is on a granted one, gets a lease of
    /// its own. Result: ``OperationResult/written(_:)``. Fails with ``StoreError/Code/leaseNotFound``, or with
    /// ``StoreError/Code/maxKeys`` where there is a ``Limits/keys``.
    ///
    /// With `skipIfUnchanged` a live key that has this value and stays on its lease is left as it is, at its version
    /// and without an event; a lifespan, or the deadline that `expiry` tells, is heeded all the same.
    case set(Key, Value, lease: LeaseID? = nil, expiry: Expiry = .keep, skipIfUnchanged: Bool = false)
    /// Starts the time of a key's lifespan anew, as a set does, without an event. Does nothing to a key that has none.
    /// Result: ``OperationResult/lease(_:)``, the lease that the key lives on. Fails with
    /// ``StoreError/Code/keyNotFound``, or with ``StoreError/Code/keyLocked`` if another client has the lock.
    case touch(Key)
    /// Deletes a key. Does nothing to a key that does not exist. Result: ``OperationResult/deleted(_:)``.
    case delete(Key)
    /// Deletes the keys of a range, in order, each with its event. Result: ``OperationResult/deleted(_:)``.
    case deleteRange(KeyRange)
    /// Deletes the keys of a range that nobody has locked, in order, each with its event; with `force` the others, too.
    /// Result: ``OperationResult/deleted(_:)``.
    case clear(KeyRange, force: Bool)
    /// Deletes those of these keys that nobody has locked or changed since they were chosen, in this order, each with
    /// an event of the kind ``Event/Kind/pruned``. Result: ``OperationResult/deleted(_:)``.
    case prune([PruneCandidate])
    /// Reads a key as the operations before this one left it. Fails with ``StoreError/Code/keyLocked`` if another
    /// client has locked it exclusively. Result: ``OperationResult/read(_:)``.
    case get(Key)
    /// Makes a lease that lives until `duration` from the commit, or for ever. Result: ``OperationResult/lease(_:)``.
    ///
    /// An `id` that is given must be at least ``LeaseID/firstChosen``.
    /// Fails with ``StoreError/Code/leaseExists`` or ``StoreError/Code/invalidArgument``.
    case grantLease(id: LeaseID? = nil, duration: Duration?)
    /// Gives a lease the deadline that `expiry` tells; `keep` prolongs it by the duration it was last given. Makes no
    /// event.
    ///
    /// Result: ``OperationResult/lease(_:)``. Fails with ``StoreError/Code/leaseNotFound`` when it has expired; up to
    /// its deadline it has not.
    case keepAlive(LeaseID, expiry: Expiry = .keep)
    /// Expires a lease and its keys, whatever its deadline. Result: ``OperationResult/deleted(_:)``, the keys in order.
    ///
    /// Fails with ``StoreError/Code/leaseNotFound``, or with ``StoreError/Code/transactionTooLarge`` if it has more
    /// keys than ``Limits/transactionEvents``: such a lease ends when it is given a deadline that has passed.
    case expireLease(LeaseID)
    /// Takes a lock on a key for `duration` from the commit, or extends the one that the client holds, which keeps its
    /// token. Result: ``OperationResult/lock(_:)``.
    ///
    /// With `createIfMissing` a key that does not exist is created with an empty value. The transaction must tell its
    /// ``Transaction/clientID``: the holder. Fails with ``StoreError/Code/keyLocked`` if another client has the lock,
    /// with ``StoreError/Code/keyNotFound``, or with ``StoreError/Code/invalidArgument`` if the duration is outside
    /// ``Limits/lockDurations``.
    case lock(Key, duration: Duration, mode: Lock.Mode = .exclusive, createIfMissing: Bool = false)
    /// Gives the client's lock on a key back. Does nothing to a key that is not locked. Result:
    /// ``OperationResult/lock(_:)``. Fails with ``StoreError/Code/keyLocked`` if another client has the lock, or with
    /// ``StoreError/Code/keyNotFound``.
    case unlock(Key)
    /// Notes that a consumer has handled every event up to and including a ref. Makes the consumer if it is new; never
    /// moves a cursor back. Result: ``OperationResult/consumer(_:)``. Fails with ``StoreError/Code/futureRef``.
    case acknowledge(consumer: String, through: Ref)
    /// Sets a consumer's cursor, forwards or back, so that it reads on after `ref`. Result:
    /// ``OperationResult/consumer(_:)``. Fails with ``StoreError/Code/futureRef``, or ``StoreError/Code/compacted``
    /// if what follows is gone.
    case resetConsumer(String, to: Ref)
    /// Forgets a consumer. Result: ``OperationResult/none``. Fails with ``StoreError/Code/consumerNotFound``.
    case deleteConsumer(String)
    /// Drops the events before `ref` from the log. The records stay. Result: ``OperationResult/none``.
    ///
    /// Fails with ``StoreError/Code/futureRef`` for a ref beyond the next one; a ref that is gone already is accepted.
    case compact(before: Ref)
}

/// What one operation did.
public enum OperationResult: Hashable, Sendable {
    /// The record as the set left it.
    case written(Record)
    /// The tombstones of the keys that ended, in order; none if there was nothing to end.
    case deleted([Record])
    /// The live record, or `nil`.
    case read(Record?)
    /// The lease as it is now.
    case lease(Lease)
    /// The consumer as it is now.
    case consumer(Consumer)
    /// The lock as it is now, or `nil` when the key is under none.
    case lock(Lock?)
    /// Nothing to tell.
    case none
}

/// What a transaction did.
public struct TransactionResult: Hashable, Sendable {
    /// The first condition that did not hold, if one did not: then ``Transaction/otherwise`` was run.
    public var failedCondition: FailedCondition?
    /// The results of the operations that were run, in order.
    public var results: [OperationResult]
    /// The last event in the log when the transaction was decided: its own last one if it made any.
    public var ref: Ref

    /// A result with each of its fields.
    public init(failedCondition: FailedCondition? = nil, results: [OperationResult], ref: Ref) {
        self.failedCondition = failedCondition
        self.results = results
        self.ref = ref
    }

    /// Whether the conditions held.
    public var succeeded: Bool { failedCondition == nil }
}

/// A condition that did not hold, and what was there instead.
public struct FailedCondition: Hashable, Sendable {
    /// Its place among the transaction's conditions, from 0.
    public var index: Int
    /// The condition.
    public var condition: Condition
    /// The version the key had; 0 for a key that does not exist.
    public var version: Int64
    /// The event that had last changed the key; 0 for a key that does not exist.
    public var updatedRef: Ref

    /// A failed condition with each of its fields.
    public init(index: Int, condition: Condition, version: Int64, updatedRef: Ref) {
        self.index = index
        self.condition = condition
        self.version = version
        self.updatedRef = updatedRef
    }
}

/// A named reader of the log whose cursor the store keeps.
public struct Consumer: Hashable, Sendable {
    /// The consumer's name: 1 to ``Limits/nameBytes`` bytes of UTF-8.
    public var name: String
    /// The last event it has handled; reading goes on after it.
    public var cursor: Ref
    /// When the cursor was last set, by the clock of the store.
    public var updatedAt: Timestamp

    /// A consumer with each of its fields.
    public init(name: String, cursor: Ref, updatedAt: Timestamp) {
        self.name = name
        self.cursor = cursor
        self.updatedAt = updatedAt
    }
}
