internal import CairnModel

// Keys and leases, as the contract tells them.

extension PlainModel.Step {
    mutating func set(
        _ key: Key, _ value: Value, _ chosen: LeaseID?, _ expiry: Expiry, skipIfUnchanged: Bool = false
    ) throws(Refusal) -> Record {
        let old = state.records[key]
        let live = state.live(key)
        if let live { try access(live, toRead: false) }
        let leaseID: LeaseID
        if let chosen {
            leaseID = try lease(chosen).id
        } else if let live {
            leaseID = leaseForSet(of: live, expiry)
        } else {
            leaseID = make(expiry)
        }
        if skipIfUnchanged, let live, live.value == value, live.leaseID == leaseID { return live }
        let ref = Ref(state.lastRef.rawValue + 1)
        let version = (old?.version ?? 0) + 1
        let record = Record(
            key: key, value: value, version: version, createdVersion: live?.createdVersion ?? version,
            createdRef: live?.createdRef ?? ref, updatedRef: ref, deletedRef: nil, leaseID: leaseID,
            lockToken: live?.lockToken ?? .zero)
        note(record, live == nil ? .created : .updated, previous: old)
        return record
    }

    /// Gives a key's lifespan its time again.
    mutating func touch(_ key: Key) throws(Refusal) -> Lease {
        guard let live = state.live(key) else { throw Refusal(code: .keyNotFound) }
        try access(live, toRead: false)
        let leaseID = leaseForSet(of: live, .keep)
        return state.leases[leaseID] ?? Lease(id: leaseID, deadline: nil, duration: nil, isGranted: false)
    }

    /// Ends the keys that are as they were when they were chosen, and not locked.
    mutating func prune(_ candidates: [PruneCandidate]) -> [Record] {
        var ended: [Record] = []
        for candidate in candidates {
            guard let live = state.live(candidate.key), live.updatedRef == candidate.updatedRef,
                state.locks[live.lockToken] == nil
            else { continue }
            ended.append(end(live, .pruned))
        }
        return ended
    }

    /// Ends one live key.
    mutating func end(_ live: Record, _ kind: Event.Kind) -> Record {
        var live = live
        if kind == .expired { live = endLock(of: live) }
        if live.lockToken != .zero { state.locks[live.lockToken] = nil }
        live.lockToken = .zero
        let ref = Ref(state.lastRef.rawValue + 1)
        var record = live
        record.value = Value(bytes: [])
        record.version += 1
        record.updatedRef = ref
        record.deletedRef = ref
        note(record, kind, previous: live)
        return record
    }

    /// Ends a lease and its keys.
    mutating func end(_ id: LeaseID) -> [Record] {
        var ended: [Record] = []
        for key in state.keys(on: id) {
            if let live = state.live(key) { ended.append(end(live, .expired)) }
        }
        state.leases[id] = nil
        hasChanged = true
        return ended
    }

    mutating func note(_ record: Record, _ kind: Event.Kind, previous: Record?) {
        state.lastRef = record.updatedRef
        state.records[record.key] = record
        hasChanged = true
        events.append(
            Event(
                ref: record.updatedRef, kind: kind, key: record.key, version: record.version,
                value: record.isLive ? record.value : nil, leaseID: record.leaseID, createdRef: record.createdRef,
                createdVersion: record.createdVersion, previousRef: previous?.updatedRef, time: now,
                clientID: clientID, lockToken: record.lockToken))
        // A lease that nobody granted ends with its last key.
        if let left = previous?.leaseID, let lease = state.leases[left], !lease.isGranted, state.keys(on: left).isEmpty
        {
            state.leases[left] = nil
        }
    }

    /// A lease that lives, and whose deadline has not passed.
    func lease(_ id: LeaseID) throws(Refusal) -> Lease {
        guard let lease = state.leases[id], !lease.isDue(at: now) else { throw Refusal(code: .leaseNotFound) }
        return lease
    }

    /// A lease for one key.
    private mutating func make(_ expiry: Expiry) -> LeaseID {
        state.lastLeaseID = LeaseID(state.lastLeaseID.rawValue + 1)
        var id = state.lastLeaseID
        if expiry.isLifespan { id = LeaseID(LeaseID.firstLifespan.rawValue + id.rawValue) }
        state.leases[id] = dated(Lease(id: id, deadline: nil, duration: nil, isGranted: false), expiry)
        return id
    }

    /// The lease of a live key after a set that names none.
    private mutating func leaseForSet(of live: Record, _ expiry: Expiry) -> LeaseID {
        guard let lease = state.leases[live.leaseID] else { return live.leaseID }
        if expiry == .keep {
            if lease.id.isLifespan, let duration = lease.duration {
                state.leases[lease.id] = dated(lease, .after(duration))
                hasChanged = true
            }
            return lease.id
        }
        if expiry == .never, lease.deadline == nil { return lease.id }
        if lease.isGranted || state.keys(on: lease.id) != [live.key] { return make(expiry) }
        if lease.id.isLifespan != expiry.isLifespan { return make(expiry) }
        state.leases[lease.id] = dated(lease, expiry)
        hasChanged = true
        return lease.id
    }

    private func dated(_ lease: Lease, _ expiry: Expiry) -> Lease {
        var lease = lease
        switch expiry {
        case .keep: break
        case .never: lease.deadline = nil
        case .at(let time): lease.deadline = time
        case .after(let duration), .lifespan(let duration):
            lease.deadline = now + duration
            lease.duration = duration
        }
        // Of a lease that nobody granted and that never ends there is nothing to remember.
        if !lease.isGranted, lease.deadline == nil { lease.duration = nil }
        return lease
    }

    mutating func grant(_ chosen: LeaseID?, _ duration: Duration?) throws(Refusal) -> Lease {
        if let chosen, state.leases[chosen] != nil { throw Refusal(code: .leaseExists) }
        if chosen == nil { state.lastLeaseID = LeaseID(state.lastLeaseID.rawValue + 1) }
        let id = chosen ?? state.lastLeaseID
        let lease = Lease(id: id, deadline: duration.map { now + $0 }, duration: duration, isGranted: true)
        state.leases[id] = lease
        hasChanged = true
        return lease
    }

    mutating func keepAlive(_ id: LeaseID, _ expiry: Expiry) throws(Refusal) -> Lease {
        let old = try lease(id)
        var expiry = expiry
        if expiry == .keep, let duration = old.duration { expiry = .after(duration) }
        if expiry == .keep, old.deadline != nil { throw Refusal(code: .invalidArgument) }
        let new = dated(old, expiry)
        state.leases[id] = new
        // A store need not date a renewal that renews nothing.
        hasChanged = true
        return new
    }
}

extension Transaction {
    /// Refuses what makes no sense whatever the store holds.
    func validate(_ limits: Limits) throws(Refusal) {
        let counts = [conditions.count, operations.count, otherwise.count]
        if counts.contains(where: { $0 > limits.transactionOperations }) { throw Refusal(code: .transactionTooLarge) }
        if clientID.utf8.count > limits.nameBytes { throw Refusal(code: .invalidArgument) }
        for condition in conditions { try condition.key.validate(limits) }
        for operation in operations + otherwise { try operation.validate(limits) }
    }
}

extension Key {
    fileprivate func validate(_ limits: Limits) throws(Refusal) {
        if bytes.isEmpty || bytes.count > limits.keyBytes { throw Refusal(code: .invalidKey) }
    }
}

extension Operation {
    fileprivate func validate(_ limits: Limits) throws(Refusal) {
        switch self {
        case .set(let key, let value, let lease, let expiry, _):
            try key.validate(limits)
            if value.kind == .typed, value.contentType == nil { throw Refusal(code: .invalidArgument) }
            if value.content.count > limits.valueBytes { throw Refusal(code: .valueTooLarge) }
            if case .after(let duration) = expiry, duration <= .zero || duration > limits.leaseDuration {
                throw Refusal(code: .invalidArgument)
            }
            if case .lifespan(let duration) = expiry, !limits.lifespans.contains(duration) {
                throw Refusal(code: .invalidArgument)
            }
            if lease != nil, expiry != .keep { throw Refusal(code: .invalidArgument) }
        case .delete(let key), .get(let key), .touch(let key):
            try key.validate(limits)
        case .prune(let candidates):
            for candidate in candidates { try candidate.key.validate(limits) }
        case .grantLease(let id, let duration):
            if let id, id < .firstChosen { throw Refusal(code: .invalidArgument) }
            if let duration, duration <= .zero || duration > limits.leaseDuration {
                throw Refusal(code: .invalidArgument)
            }
        case .keepAlive(_, .after(let duration)):
            if duration <= .zero || duration > limits.leaseDuration { throw Refusal(code: .invalidArgument) }
        case .keepAlive(let id, .lifespan(let duration)):
            if !id.isLifespan || !limits.lifespans.contains(duration) { throw Refusal(code: .invalidArgument) }
        case .lock(let key, let duration, _, _):
            try key.validate(limits)
            if !limits.lockDurations.contains(duration) { throw Refusal(code: .invalidArgument) }
        case .unlock(let key):
            try key.validate(limits)
        case .acknowledge(let name, let ref), .resetConsumer(let name, let ref):
            if name.isEmpty || name.utf8.count > limits.nameBytes { throw Refusal(code: .invalidArgument) }
            if ref < .zero { throw Refusal(code: .invalidRef) }
        case .deleteConsumer(let name):
            if name.isEmpty || name.utf8.count > limits.nameBytes { throw Refusal(code: .invalidArgument) }
        case .compact(let ref):
            if ref < .zero { throw Refusal(code: .invalidRef) }
        case .deleteRange, .clear, .keepAlive, .expireLease:
            break
        }
    }
}
