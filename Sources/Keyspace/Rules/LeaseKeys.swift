internal import CairnModel

/// Which keys are on which leases now, as far as a batch has looked.
///
/// It follows each change of the batch, so that asking costs no more after many of them. Of a lease with many keys
/// only some may be known: enough to tell that it has some left.
struct LeaseKeys: Sendable {
    private struct Known {
        /// The keys that are on it now.
        var keys: Set<Key>
        /// Whether there are no others.
        var areAll: Bool
        /// How many were asked for.
        var limit: Int
    }

    private var known: [LeaseID: Known] = [:]
    // Which keys have come and gone since the batch started.
    private var joined: [LeaseID: Set<Key>] = [:]
    private var left: [LeaseID: Set<Key>] = [:]

    /// Whether anything is known of a lease.
    func knows(_ lease: LeaseID) -> Bool { known[lease] != nil }

    /// Notes the keys, at most `limit`, that were on a lease when the batch started.
    mutating func load(_ atStart: [Key], on lease: LeaseID, limit: Int) {
        // What is known already may be more.
        if let known = known[lease], known.areAll || known.limit > limit { return }
        var keys = Set(atStart)
        if let left = left[lease] { keys.subtract(left) }
        if let joined = joined[lease] { keys.formUnion(joined) }
        known[lease] = Known(keys: keys, areAll: atStart.count < limit, limit: limit)
    }

    /// Notes what a key was and is.
    mutating func note(_ key: Key, from old: Record?, to new: Record?) {
        let before = old.flatMap { $0.isLive ? $0.leaseID : nil }
        let after = new.flatMap { $0.isLive ? $0.leaseID : nil }
        guard before != after else { return }
        if let before {
            if joined[before]?.remove(key) == nil { left[before, default: []].insert(key) }
            if !known.isEmpty { known[before]?.keys.remove(key) }
        }
        if let after {
            if left[after]?.remove(key) == nil { joined[after, default: []].insert(key) }
            if !known.isEmpty { known[after]?.keys.insert(key) }
        }
    }

    /// How many keys are on a lease, but no more than `limit`; `nil` if that isn't known. A new lease was made by the
    /// batch.
    func count(on lease: LeaseID, upTo limit: Int, isNew: Bool) -> Int? {
        let (count, areAll) =
            known[lease].map { ($0.keys.count, $0.areAll) } ?? (joined[lease]?.count ?? 0, isNew)
        return areAll || count >= limit ? min(count, limit) : nil
    }

    /// The known keys on a lease.
    func keys(on lease: LeaseID) -> Set<Key> { known[lease]?.keys ?? joined[lease] ?? [] }

    /// How many must be loaded so that so many are known, if there are as many. More each time.
    func limit(toKnow count: Int, on lease: LeaseID) -> Int {
        max(count + (left[lease]?.count ?? 0), 2 * (known[lease]?.limit ?? 0))
    }
}
