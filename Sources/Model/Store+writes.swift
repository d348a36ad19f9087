// The writes that people name, each a transaction.

extension Store {
    /// The live record of a key, or `nil`. Throws ``StoreError/Code/invalidKey``.
    public func get(
        _ key: Key, consistency: ReadConsistency = .linearizable
    ) async throws(StoreError) -> Record? {
        try await get(key, consistency: consistency, clientID: "")
    }

    /// The live record of a key, read by the holder of its lock. See ``get(_:consistency:clientID:)``.
    public func get(_ key: Key, clientID: String) async throws(StoreError) -> Record? {
        try await get(key, consistency: .linearizable, clientID: clientID)
    }

    /// The live record of a key without its value, whoever has locked it, or `nil`. Throws
    /// ``StoreError/Code/invalidKey``.
    public func metadata(of key: Key) async throws(StoreError) -> Record? {
        let page = try await list(ListRequest(range: KeyRange(from: key, to: key.successor), keysOnly: true, limit: 1))
        return page.records.first
    }

    /// The live record of a key as it was right after an event, or `nil`. See ``revision(of:_:clientID:)``.
    public func get(_ key: Key, asOf ref: Ref, clientID: String = "") async throws(StoreError) -> Record? {
        let revision = try await revision(of: key, .asOf(ref), clientID: clientID)
        return revision.flatMap { $0.record.isLive ? $0.record : nil }
    }

    /// Sets a key and returns the record as written. Its ``Record/updatedRef`` is the event's ref; with
    /// `skipIfUnchanged` it may be that of an earlier event. See ``Operation/set(_:_:lease:expiry:skipIfUnchanged:)``.
    ///
    /// Throws ``StoreError/Code/conditionFailed`` unless `conditions` hold for the key,
    /// ``StoreError/Code/leaseNotFound``,
    /// ``StoreError/Code/invalidKey`` or ``StoreError/Code/valueTooLarge``.
    @discardableResult
    public func set(
        _ key: Key, _ value: Value, if conditions: Condition.Test..., lease: LeaseID? = nil, expiry: Expiry = .keep,
        skipIfUnchanged: Bool = false, clientID: String = "", requestID: RequestID? = nil
    ) async throws(StoreError) -> Record {
        let result = try await commitChecked(
            Transaction(
                if: conditions.map { Condition(key, $0) },
                then: [.set(key, value, lease: lease, expiry: expiry, skipIfUnchanged: skipIfUnchanged)],
                clientID: clientID, requestID: requestID))
        guard case .written(let record)? = result.results.first else { throw .unexpected(result) }
        return record
    }

    /// Starts the time of a key's lifespan anew, and returns the lease that the key lives on. See
    /// ``Operation/touch(_:)``.
    @discardableResult
    public func touch(
        _ key: Key, clientID: String = "", requestID: RequestID? = nil
    ) async throws(StoreError) -> Lease {
        let result = try await commit(Transaction(then: [.touch(key)], clientID: clientID, requestID: requestID))
        guard case .lease(let lease)? = result.results.first else { throw .unexpected(result) }
        return lease
    }

    /// Deletes a key and returns its tombstone. Its ``Record/deletedRef`` is the event's ref.
    ///
    /// Throws ``StoreError/Code/keyNotFound``, or ``StoreError/Code/conditionFailed`` unless `conditions` hold for
    /// the key.
    @discardableResult
    public func delete(
        _ key: Key, if conditions: Condition.Test..., clientID: String = "", requestID: RequestID? = nil
    ) async throws(StoreError) -> Record {
        let result = try await commitChecked(
            Transaction(
                if: conditions.map { Condition(key, $0) }, then: [.delete(key)], clientID: clientID,
                requestID: requestID))
        guard case .deleted(let records)? = result.results.first else { throw .unexpected(result) }
        guard let record = records.first else { throw .keyNotFound(key) }
        return record
    }

    /// Deletes the keys that start with `prefix`, all at once, and returns their tombstones in order.
    ///
    /// Throws ``StoreError/Code/transactionTooLarge`` when they are more than ``Limits/transactionEvents``.
    @discardableResult
    public func deleteTree(_ prefix: Key, clientID: String = "") async throws(StoreError) -> [Record] {
        let result = try await commit(
            Transaction(then: [.deleteRange(KeyRange(prefix: prefix))], clientID: clientID))
        guard case .deleted(let records)? = result.results.first else { throw .unexpected(result) }
        return records
    }

    /// Deletes a key and returns the record that it had, or `nil` if it did not exist. Throws
    /// ``StoreError/Code/keyLocked``.
    @discardableResult
    public func pop(
        _ key: Key, clientID: String = "", requestID: RequestID? = nil
    ) async throws(StoreError) -> Record? {
        let result = try await commit(
            Transaction(then: [.get(key), .delete(key)], clientID: clientID, requestID: requestID))
        guard case .read(let record)? = result.results.first else { throw .unexpected(result) }
        return record
    }

    /// Deletes the keys of a range that nobody has locked, or with `force` all of them, and returns their tombstones in
    /// order. Throws ``StoreError/Code/transactionTooLarge``.
    @discardableResult
    public func clear(
        _ range: KeyRange, force: Bool = false, clientID: String = "", requestID: RequestID? = nil
    ) async throws(StoreError) -> [Record] {
        let result = try await commit(
            Transaction(then: [.clear(range, force: force)], clientID: clientID, requestID: requestID))
        guard case .deleted(let records)? = result.results.first else { throw .unexpected(result) }
        return records
    }

    /// Takes a lock, or extends the one that the client holds. See
    /// ``Operation/lock(_:duration:mode:createIfMissing:)``.
    @discardableResult
    public func lock(
        _ key: Key, for duration: Duration, mode: Lock.Mode = .exclusive, createIfMissing: Bool = false,
        clientID: String, requestID: RequestID? = nil
    ) async throws(StoreError) -> Lock {
        try await acquireLock(
            LockRequest(
                key, for: duration, mode: mode, createIfMissing: createIfMissing, clientID: clientID,
                requestID: requestID))
    }

    /// Extends a lock that the client holds: it ends `duration` from now. Throws ``StoreError/Code/conditionFailed`` if
    /// the lock with this token has ended.
    @discardableResult
    public func extendLock(
        _ lock: Lock, for duration: Duration, requestID: RequestID? = nil
    ) async throws(StoreError) -> Lock {
        let result = try await commitChecked(
            Transaction(
                if: [Condition(lock.key, .lockToken(.equal, lock.token))],
                then: [.lock(lock.key, duration: duration, mode: lock.mode)], clientID: lock.owner,
                requestID: requestID))
        guard case .lock(let lock?)? = result.results.first else { throw .unexpected(result) }
        return lock
    }

    /// Gives the client's lock on a key back; nothing if the key is not locked. Throws ``StoreError/Code/keyLocked`` or
    /// ``StoreError/Code/keyNotFound``.
    public func unlock(
        _ key: Key, clientID: String, requestID: RequestID? = nil
    ) async throws(StoreError) {
        _ = try await commit(Transaction(then: [.unlock(key)], clientID: clientID, requestID: requestID))
    }

    /// Makes a lease that expires after `duration`, or never. See ``Operation/grantLease(id:duration:)``.
    public func grantLease(
        id: LeaseID? = nil, duration: Duration?, requestID: RequestID? = nil
    ) async throws(StoreError) -> Lease {
        let result = try await commit(
            Transaction(then: [.grantLease(id: id, duration: duration)], requestID: requestID))
        guard case .lease(let lease)? = result.results.first else { throw .unexpected(result) }
        return lease
    }

    /// Prolongs a lease, by default by the duration it was last given. See ``Operation/keepAlive(_:expiry:)``.
    @discardableResult
    public func keepAlive(_ id: LeaseID, expiry: Expiry = .keep) async throws(StoreError) -> Lease {
        let result = try await commit(Transaction(then: [.keepAlive(id, expiry: expiry)]))
        guard case .lease(let lease)? = result.results.first else { throw .unexpected(result) }
        return lease
    }

    /// Expires a lease and its keys now, if `conditions` hold, and returns the tombstones in order.
    ///
    /// Throws ``StoreError/Code/leaseNotFound`` or ``StoreError/Code/conditionFailed``.
    @discardableResult
    public func expireLease(
        _ id: LeaseID, if conditions: [Condition] = [], clientID: String = "", requestID: RequestID? = nil
    ) async throws(StoreError) -> [Record] {
        let result = try await commitChecked(
            Transaction(if: conditions, then: [.expireLease(id)], clientID: clientID, requestID: requestID))
        guard case .deleted(let records)? = result.results.first else { throw .unexpected(result) }
        return records
    }

    /// Notes that `consumer` has handled every event up to and including `ref`. See
    /// ``Operation/acknowledge(consumer:through:)``.
    @discardableResult
    public func acknowledge(_ consumer: String, through ref: Ref) async throws(StoreError) -> Consumer {
        let result = try await commit(Transaction(then: [.acknowledge(consumer: consumer, through: ref)]))
        guard case .consumer(let consumer)? = result.results.first else { throw .unexpected(result) }
        return consumer
    }

    /// Drops the events before `ref` from the log. See ``Operation/compact(before:)``.
    public func compact(before ref: Ref) async throws(StoreError) {
        _ = try await commit(Transaction(then: [.compact(before: ref)]))
    }

    /// Runs a transaction whose conditions must hold. Throws ``StoreError/Code/conditionFailed`` if one does not.
    public func commitChecked(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        let result = try await commit(transaction)
        if let failed = result.failedCondition { throw .conditionFailed(failed) }
        return result
    }
}

extension StoreError {
    /// The key does not exist.
    public static func keyNotFound(_ key: Key) -> StoreError {
        StoreError(.keyNotFound, "key \(key) does not exist", key: key)
    }

    /// The key has no such revision, or it isn't told.
    public static func revisionNotFound(_ revision: Revision, of key: Key) -> StoreError {
        let what =
            switch revision {
            case .version(let version): "revision \(version)"
            case .back(let count): "revision \(count) before its last"
            case .asOf(let ref): "state right after event \(ref)"
            }
        return StoreError(.revisionNotFound, "key \(key) has no \(what), or it is not kept any more", key: key)
    }

    /// The lease does not exist, or has expired.
    public static func leaseNotFound(_ id: LeaseID, key: Key? = nil) -> StoreError {
        StoreError(.leaseNotFound, "lease \(id) does not exist or has expired; grant a new one", key: key)
    }

    /// A condition did not hold, and nothing was changed.
    public static func conditionFailed(_ failed: FailedCondition) -> StoreError {
        let state = failed.version == 0 ? "the key does not exist" : "the key is at version \(failed.version)"
        return StoreError(
            .conditionFailed,
            "condition \(failed.condition) does not hold: \(state); read the key again and decide anew",
            key: failed.condition.key, ref: failed.updatedRef, failedCondition: failed)
    }

    /// A store answered a transaction with a result that does not belong to it.
    static func unexpected(_ result: TransactionResult) -> StoreError {
        StoreError(.internal, "the store answered with \(result.results.count) results of another kind than asked for")
    }
}

extension Condition: CustomStringConvertible {
    /// The condition as a person would write it, such as `version of "a" = 3`.
    public var description: String {
        switch test {
        case .absent: "\(key) is absent"
        case .present: "\(key) is present"
        case .version(let comparison, let version): "version of \(key) \(comparison) \(version)"
        case .createdRef(let comparison, let ref): "created ref of \(key) \(comparison) \(ref)"
        case .updatedRef(let comparison, let ref): "updated ref of \(key) \(comparison) \(ref)"
        case .value(let comparison, _): "value of \(key) \(comparison) the value given"
        case .lease(let comparison, let id): "lease of \(key) \(comparison) \(id)"
        case .lockToken(let comparison, let token): "lock token of \(key) \(comparison) \(token)"
        }
    }
}

extension Condition.Comparison: CustomStringConvertible {
    /// The sign: `=`, `≠`, `<` or `>`.
    public var description: String {
        switch self {
        case .equal: "="
        case .notEqual: "≠"
        case .less: "<"
        case .greater: ">"
        }
    }
}
