internal import CairnModel

// Locks, as the contract tells them.

extension PlainModel.Step {
    /// Refuses if another client has locked the record.
    func access(_ live: Record, toRead: Bool) throws(Refusal) {
        guard let lock = state.locks[live.lockToken], lock.owner != clientID else { return }
        if toRead, lock.mode == .write { return }
        throw Refusal(code: .keyLocked)
    }

    mutating func lock(
        _ key: Key, _ duration: Duration, _ mode: Lock.Mode, createIfMissing: Bool
    ) throws(Refusal) -> Lock {
        if clientID.isEmpty { throw Refusal(code: .invalidArgument) }
        if createIfMissing, state.live(key) == nil { _ = try set(key, "", nil, .keep) }
        guard var record = state.live(key) else { throw Refusal(code: .keyNotFound) }
        let previous = record
        try access(record, toRead: false)
        let ref = Ref(state.lastRef.rawValue + 1)
        if record.lockToken == .zero { record.lockToken = ref }
        record.updatedRef = ref
        let lock = Lock(
            token: record.lockToken, key: key, owner: clientID, mode: mode, deadline: now + duration,
            duration: duration)
        state.locks[lock.token] = lock
        note(record, .locked, previous: previous)
        return lock
    }

    mutating func unlock(_ key: Key) throws(Refusal) {
        guard let record = state.live(key) else { throw Refusal(code: .keyNotFound) }
        try access(record, toRead: false)
        _ = endLock(of: record)
    }

    /// The live record without its lock.
    mutating func endLock(of live: Record) -> Record {
        if live.lockToken == .zero { return live }
        state.locks[live.lockToken] = nil
        var record = live
        record.lockToken = .zero
        record.updatedRef = Ref(state.lastRef.rawValue + 1)
        note(record, .unlocked, previous: live)
        return record
    }

    mutating func clear(_ range: KeyRange, force: Bool) throws(Refusal) -> [Record] {
        let live = state.records.values.filter { $0.isLive && range.contains($0.key) }.sorted { $0.key < $1.key }
        if live.count > limits.transactionEvents { throw Refusal(code: .transactionTooLarge) }
        return live.filter { force || $0.lockToken == .zero }.map { end($0, .deleted) }
    }
}

extension Expiry {
    var isLifespan: Bool { if case .lifespan = self { true } else { false } }
}
