internal import CairnModel

// What a set and a deletion do to a key, its version, its refs and its lease.

extension WorkingSet {
    mutating func set(
        _ key: Key, _ value: Value, lease: LeaseID?, expiry: Expiry, skipIfUnchanged: Bool = false,
        in scope: OperationScope
    ) throws(Stop) -> Record {
        let old = try record(key)
        let live = old.flatMap { $0.isLive ? $0 : nil }
        if let live {
            try requireAccess(to: live, for: .writing, in: scope)
        } else {
            try requireRoom(for: key, in: scope)
        }
        let target: LeaseID
        if let lease {
            try requireLease(lease, for: key, at: scope.now)
            target = lease
        } else if let live {
            target = try leaseAfterSet(of: live, with: expiry, in: scope)
        } else {
            target = try newLease(expiry: expiry, in: scope)
        }
        if skipIfUnchanged, let live, live.value == value, live.leaseID == target { return live }
        let ref = head.lastRef.next
        let version = (old?.version ?? 0) + 1
        let event = Event(
            ref: ref, kind: live == nil ? .created : .updated, key: key, version: version, value: value,
            leaseID: target, createdRef: live?.createdRef ?? ref, createdVersion: live?.createdVersion ?? version,
            previousRef: old?.updatedRef, time: scope.now, clientID: scope.clientID,
            lockToken: live?.lockToken ?? .zero)
        append(event)
        if let live, live.leaseID != target { try dropIfAbandoned(live.leaseID) }
        return Record(after: event)
    }

    /// Ends the live ones of these keys, in this order, and returns their tombstones.
    mutating func end(
        _ keys: [Key], _ kind: Event.Kind, whoeverHasLocked isForced: Bool = false, in scope: OperationScope
    ) throws(Stop) -> [Record] {
        var tombstones: [Record] = []
        for key in keys {
            guard var live = try liveRecord(key) else { continue }
            if kind == .expired {
                // Whoever ends a lease ends the locks on its keys, and their holders hear of it.
                live = endLock(of: live, in: scope)
            } else {
                if !isForced { try requireAccess(to: live, for: .writing, in: scope) }
                if live.lockToken != .zero { store(lock: nil, for: live.lockToken) }
            }
            let event = Event(
                ref: head.lastRef.next, kind: kind, key: key, version: live.version + 1, value: nil,
                leaseID: live.leaseID, createdRef: live.createdRef, createdVersion: live.createdVersion,
                previousRef: live.updatedRef, time: scope.now, clientID: scope.clientID)
            append(event)
            if kind != .expired { try dropIfAbandoned(live.leaseID) }
            tombstones.append(Record(after: event))
        }
        return tombstones
    }

    /// The live keys of a range, in order, if they are no more than a transaction may end.
    func endableKeys(in range: KeyRange, _ scope: OperationScope) throws(Stop) -> [Key] {
        let most = scope.limits.transactionEvents
        let count = try keyCount(in: range, limit: most)
        guard count > most else { return keys(in: range) }
        throw .failed(
            StoreError(
                .transactionTooLarge,
                "at least \(count) keys would be deleted, and a transaction may change \(most); delete a smaller range "
                    + "at a time"))
    }

    /// Fails if there are as many keys as there may be.
    private func requireRoom(for key: Key, in scope: OperationScope) throws(Stop) {
        guard let most = scope.limits.keys, liveKeys >= most else { return }
        throw .failed(
            StoreError(
                .maxKeys, "\(key) can't be created: there are \(liveKeys) keys, and there may be \(most); delete some",
                key: key))
    }

    /// Prunes the keys that nobody has locked or changed since they were chosen.
    mutating func prune(_ candidates: [PruneCandidate], in scope: OperationScope) throws(Stop) -> [Record] {
        var keys: [Key] = []
        var seen: Set<Key> = []
        for candidate in candidates {
            guard let record = try liveRecord(candidate.key), record.updatedRef == candidate.updatedRef,
                record.lockToken == .zero, seen.insert(candidate.key).inserted
            else { continue }
            keys.append(candidate.key)
        }
        return try end(keys, .pruned, in: scope)
    }

    /// Deletes the keys of a range that nobody has locked; with `force` all of them.
    mutating func clear(_ range: KeyRange, force: Bool, in scope: OperationScope) throws(Stop) -> [Record] {
        var keys = try endableKeys(in: range, scope)
        if !force {
            var open: [Key] = []
            for key in keys {
                if let record = try liveRecord(key), record.lockToken == .zero { open.append(key) }
            }
            keys = open
        }
        return try end(keys, .deleted, whoeverHasLocked: true, in: scope)
    }
}
