internal import CairnModel

// What a set and a deletion do to a key, its version, its refs and its lease.

extension WorkingSet {
    mutating func set(
        _ key: Key, _ value: Value, lease: LeaseID?, expiry: Expiry, in scope: OperationScope
    ) throws(Stop) -> Record {
        let old = try record(key)
        let live = old.flatMap { $0.isLive ? $0 : nil }
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
            previousRef: old?.updatedRef, time: scope.now, clientID: scope.clientID)
        append(event)
        if let live, live.leaseID != target { try dropIfAbandoned(live.leaseID) }
        return Record(after: event)
    }

    /// Ends the live ones of these keys, in this order, and returns their tombstones.
    mutating func end(_ keys: [Key], _ kind: Event.Kind, in scope: OperationScope) throws(Stop) -> [Record] {
        guard keys.count <= scope.limits.transactionEvents || kind == .expired else {
            throw .failed(
                StoreError(
                    .transactionTooLarge,
                    "\(keys.count) keys would be deleted, and a transaction may change "
                        + "\(scope.limits.transactionEvents); delete a smaller range at a time"))
        }
        var tombstones: [Record] = []
        for key in keys {
            guard let live = try liveRecord(key) else { continue }
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
}
