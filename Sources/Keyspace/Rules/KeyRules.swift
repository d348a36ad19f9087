internal import CairnModel

// What a set and a deletion do to a key, its version, its refs and its lease.

extension WorkingSet {
    mutating func set(
        _ key: Key, _ value: Value, lease: LeaseID?, expiry: Expiry, in scope: OperationScope
    ) throws(Stop) -> Record {
        let old = try record(key)
        let live = old.flatMap { $0.isLive ? $0 : nil }
        if let live { try requireAccess(to: live, for: .writing, in: scope) }
        let target: LeaseID
        if let lease {
            try requireLease(lease, for: key, at: scope.now)
            target = lease
        } else if let live {
            target = try leaseAfterSet(of: live, with: expiry, in: scope)
        } else {
            target = try newLease(expiry: expiry, in: scope)
        }
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
        if kind != .expired { try checkCount(of: keys, in: scope) }
        var tombstones: [Record] = []
        for key in keys {
            guard var live = try liveRecord(key) else { continue }
            if kind == .deleted {
                if !isForced { try requireAccess(to: live, for: .writing, in: scope) }
                if live.lockToken != .zero { store(lock: nil, for: live.lockToken) }
            } else {
                // Whoever ends a lease ends the locks on its keys, and their holders hear of it.
                live = endLock(of: live, in: scope)
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

    private func checkCount(of keys: [Key], in scope: OperationScope) throws(Stop) {
        guard keys.count > scope.limits.transactionEvents else { return }
        throw .failed(
            StoreError(
                .transactionTooLarge,
                "\(keys.count) keys would be deleted, and a transaction may change "
                    + "\(scope.limits.transactionEvents); delete a smaller range at a time"))
    }

    /// Deletes the keys of a range that nobody has locked; with `force` all of them.
    mutating func clear(_ range: KeyRange, force: Bool, in scope: OperationScope) throws(Stop) -> [Record] {
        var keys = try keys(in: range, limit: scope.limits.transactionEvents)
        // If there are more, some are missing here.
        try checkCount(of: keys, in: scope)
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
