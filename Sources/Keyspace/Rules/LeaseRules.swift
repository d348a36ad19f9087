internal import CairnModel

// Leases. A live key is always on one. Only leases that were granted or have a deadline are stored; any other exists
// as long as a live key is on it, so the ordinary key costs no extra write.

extension WorkingSet {
    /// A new lease for a new key, stored only if it has a deadline.
    mutating func newLease(expiry: Expiry, in scope: OperationScope) throws(Stop) -> LeaseID {
        let number = LeaseID(head.lastLeaseID.rawValue + 1)
        head.lastLeaseID = number
        let term = Term(expiry, at: scope.now)
        let id = term.isLifespan ? LeaseID(LeaseID.firstLifespan.rawValue + number.rawValue) : number
        if let deadline = term.deadline {
            store(lease: Lease(id: id, deadline: deadline, duration: term.duration, isGranted: false), for: id)
        }
        return id
    }

    /// The lease that a live key is on after a set that says `expiry`: its own, or a new one if others would be
    /// affected.
    mutating func leaseAfterSet(of live: Record, with expiry: Expiry, in scope: OperationScope) throws(Stop) -> LeaseID
    {
        if expiry == .keep {
            if live.leaseID.isLifespan { try restart(live.leaseID, in: scope) }
            return live.leaseID
        }
        let stored = try storedLease(live.leaseID)
        if expiry == .never && stored?.deadline == nil { return live.leaseID }
        var isOwn = stored?.isGranted != true
        if isOwn { isOwn = try keyCount(on: live.leaseID, upTo: 2) == 1 }
        let term = Term(expiry, at: scope.now)
        // A lifespan is told by the number of its lease.
        if term.isLifespan != live.leaseID.isLifespan { isOwn = false }
        guard isOwn else { return try newLease(expiry: expiry, in: scope) }
        let lease = term.deadline.map {
            Lease(id: live.leaseID, deadline: $0, duration: term.duration ?? stored?.duration, isGranted: false)
        }
        store(lease: lease, for: live.leaseID)
        return live.leaseID
    }

    /// Starts the time of a key's lifespan anew, if it has one.
    mutating func touch(_ key: Key, in scope: OperationScope) throws(Stop) -> Lease {
        guard let live = try liveRecord(key) else { throw .failed(.keyNotFound(key)) }
        try requireAccess(to: live, for: .writing, in: scope)
        if live.leaseID.isLifespan { try restart(live.leaseID, in: scope) }
        return try storedLease(live.leaseID)
            ?? Lease(id: live.leaseID, deadline: nil, duration: nil, isGranted: false)
    }

    /// Starts the time of a lifespan anew.
    private mutating func restart(_ id: LeaseID, in scope: OperationScope) throws(Stop) {
        guard var lease = try storedLease(id), let duration = lease.duration else { return }
        lease.deadline = scope.now + duration
        store(lease: lease, for: id)
    }

    mutating func grantLease(
        _ chosen: LeaseID?, duration: Duration?, in scope: OperationScope
    ) throws(Stop) -> Lease {
        let id: LeaseID
        if let chosen {
            if try storedLease(chosen) != nil {
                throw .failed(StoreError(.leaseExists, "there is a lease \(chosen) already; choose another id"))
            }
            // A key can be on it without it being stored only if it was granted, which it was not.
            id = chosen
        } else {
            id = LeaseID(head.lastLeaseID.rawValue + 1)
            head.lastLeaseID = id
        }
        let lease = Lease(id: id, deadline: duration.map { scope.now + $0 }, duration: duration, isGranted: true)
        store(lease: lease, for: id)
        return lease
    }

    mutating func keepAlive(_ id: LeaseID, expiry: Expiry, in scope: OperationScope) throws(Stop) -> Lease {
        try requireLease(id, for: nil, at: scope.now)
        let stored = try storedLease(id)
        let isGranted = stored?.isGranted ?? false
        var lease = Lease(id: id, deadline: stored?.deadline, duration: stored?.duration, isGranted: isGranted)
        switch expiry {
        case .keep:
            if let duration = lease.duration {
                lease.deadline = scope.now + duration
            } else if lease.deadline != nil {
                throw .failed(
                    StoreError(.invalidArgument, "lease \(id) was never given a duration; say how long it shall live"))
            }
        case .never, .at, .after, .lifespan:
            let term = Term(expiry, at: scope.now)
            lease.deadline = term.deadline
            if let duration = term.duration { lease.duration = duration }
        }
        let isStored = isGranted || lease.deadline != nil
        // What is not stored is not remembered, so the answer must not tell it.
        if !isStored { lease.duration = nil }
        store(lease: isStored ? lease : nil, for: id)
        return lease
    }

    mutating func expireLease(_ id: LeaseID, in scope: OperationScope) throws(Stop) -> [Record] {
        try requireLease(id, for: nil, at: scope.now)
        let most = scope.limits.transactionEvents
        guard try keyCount(on: id, upTo: most + 1) <= most else {
            throw .failed(
                StoreError(
                    .transactionTooLarge,
                    "lease \(id) has more keys than the \(most) that a transaction may end; give it a deadline that "
                        + "has passed, and it ends with its keys, some of them at a time"))
        }
        return try endLease(id, keys: keys(on: id, limit: most), in: scope)
    }

    /// Ends a lease and the keys on it, or only these of them if they are not all.
    mutating func endLease(
        _ id: LeaseID, keys: [Key], areAll: Bool = true, in scope: OperationScope
    ) throws(Stop) -> [Record] {
        let tombstones = try end(keys, .expired, in: scope)
        if areAll, try storedLease(id) != nil { store(lease: nil, for: id) }
        return tombstones
    }

    /// Drops a stored lease that nobody granted when no key is on it any more.
    mutating func dropIfAbandoned(_ id: LeaseID) throws(Stop) {
        guard let lease = try storedLease(id), !lease.isGranted, try keyCount(on: id, upTo: 1) == 0 else { return }
        store(lease: nil, for: id)
    }

    /// Fails unless the lease exists and its deadline has not passed.
    func requireLease(_ id: LeaseID, for key: Key?, at now: Timestamp) throws(Stop) {
        if let lease = try storedLease(id) {
            if !lease.isDue(at: now) { return }
        } else if try keyCount(on: id, upTo: 1) > 0 {
            return
        }
        throw .failed(.leaseNotFound(id, key: key))
    }
}

/// What an expiry means at one moment.
private struct Term {
    var deadline: Timestamp?
    var duration: Duration?
    var isLifespan = false

    init(_ expiry: Expiry, at now: Timestamp) {
        switch expiry {
        case .keep, .never: break
        case .at(let time): deadline = time
        case .after(let duration):
            deadline = now + duration
            self.duration = duration
        case .lifespan(let duration):
            deadline = now + duration
            self.duration = duration
            isLifespan = true
        }
    }
}
