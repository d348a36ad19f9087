package import CairnModel

// Locks. The record of a locked key tells the lock's token, so that an ordinary key costs nothing; who holds it and
// until when is stored by the token. A lock whose deadline has passed is ended before any transaction of a batch, so
// the rules never meet one.

extension WorkingSet {
    /// Fails if another client has locked this live record, and its mode keeps others from `access`.
    func requireAccess(to record: Record, for access: Access, in scope: OperationScope) throws(Stop) {
        guard record.lockToken != .zero, let lock = try storedLock(record.lockToken), lock.owner != scope.clientID,
            lock.excludes(access)
        else { return }
        throw .failed(.keyLocked(lock))
    }

    /// The live record of a key, if the client may read it.
    func readableRecord(_ key: Key, in scope: OperationScope) throws(Stop) -> Record? {
        guard let record = try liveRecord(key) else { return nil }
        try requireAccess(to: record, for: .reading, in: scope)
        return record
    }

    mutating func lock(
        _ key: Key, duration: Duration, mode: Lock.Mode, createIfMissing: Bool, in scope: OperationScope
    ) throws(Stop) -> Lock {
        guard !scope.clientID.isEmpty else {
            throw .failed(
                StoreError(
                    .invalidArgument, "a lock on \(key) needs a client id: it says who holds the lock", key: key))
        }
        if createIfMissing, try liveRecord(key) == nil {
            _ = try set(key, Value(bytes: []), lease: nil, expiry: .keep, in: scope)
        }
        guard let record = try liveRecord(key) else { throw .failed(.keyNotFound(key)) }
        try requireAccess(to: record, for: .writing, in: scope)
        let token = record.lockToken == .zero ? head.lastRef.next : record.lockToken
        let lock = Lock(
            token: token, key: key, owner: scope.clientID, mode: mode, deadline: scope.now + duration,
            duration: duration)
        store(lock: lock, for: token)
        append(Event(.locked, record, token, at: head.lastRef.next, in: scope))
        return lock
    }

    mutating func unlock(_ key: Key, in scope: OperationScope) throws(Stop) {
        guard let record = try liveRecord(key) else { throw .failed(.keyNotFound(key)) }
        try requireAccess(to: record, for: .writing, in: scope)
        endLock(of: record, in: scope)
    }

    /// Ends the lock of a live record, if it has one, with an event. Returns the record after it.
    @discardableResult
    mutating func endLock(of record: Record, in scope: OperationScope) -> Record {
        guard record.lockToken != .zero else { return record }
        store(lock: nil, for: record.lockToken)
        let event = Event(.unlocked, record, .zero, at: head.lastRef.next, in: scope)
        append(event)
        return Record(after: event)
    }

    /// Ends a lock whose deadline has passed, as a transaction of its own.
    package mutating func expireDue(_ lock: Lock, at now: Timestamp) throws(Stop) {
        try atomically { (set) throws(Stop) in
            let scope = OperationScope(now: now, clientID: "", limits: .standard)
            guard let record = try set.liveRecord(lock.key), record.lockToken == lock.token else {
                // Its key has gone in this batch, and it with it.
                if try set.storedLock(lock.token) != nil { set.store(lock: nil, for: lock.token) }
                return
            }
            set.endLock(of: record, in: scope)
        }
    }
}

/// What a client is about to do with a key.
package enum Access: Sendable {
    case reading, writing
}

extension Lock {
    /// Whether the lock keeps others from this. A mode that isn't known keeps them from everything.
    package func excludes(_ access: Access) -> Bool {
        switch access {
        case .reading: mode != .write
        case .writing: true
        }
    }
}

extension Event {
    /// An event of a record's lock, which changes nothing else.
    fileprivate init(_ kind: Kind, _ record: Record, _ token: Ref, at ref: Ref, in scope: OperationScope) {
        self.init(
            ref: ref, kind: kind, key: record.key, version: record.version, value: record.value,
            leaseID: record.leaseID, createdRef: record.createdRef, createdVersion: record.createdVersion,
            previousRef: record.updatedRef, time: scope.now, clientID: scope.clientID, lockToken: token)
    }
}

extension StoreError {
    /// Another client has locked the key.
    package static func keyLocked(_ lock: Lock) -> StoreError {
        StoreError(
            .keyLocked,
            "key \(lock.key) is locked by \"\(lock.owner)\"; wait until it is unlocked, or for the lock's deadline",
            key: lock.key, ref: lock.token)
    }
}
