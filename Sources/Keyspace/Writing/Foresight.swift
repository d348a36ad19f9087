internal import CairnModel

/// What transactions are sure to need, as far as they tell it themselves; collected, so that it is loaded together.
struct Foresight {
    /// The keys that are named.
    var keys: [Key] = []
    /// Those of them that may leave their lease, which then ends if it was theirs alone.
    var leaving: [Key] = []
    /// Those that may get a deadline of their own: it matters who else is on their lease.
    var redated: [Key] = []
    /// Those whose lease is told.
    var touched: [Key] = []
    /// Leases that are looked for.
    var leases: [LeaseID] = []
    /// Leases that must be there: they are stored, or else a key is on them.
    var used: [LeaseID] = []
    /// Leases of which so many keys are needed, or all.
    var leaseKeys: [LeaseID: Int] = [:]
    /// Leases that end with all their keys.
    var ending: [LeaseID] = []
    /// Ranges whose keys end.
    var ranges: [KeyRange] = []
    var consumers: [String] = []
    var locks: [Ref] = []

    /// Whether all that is needed are the records of keys.
    var isPlain: Bool {
        leaving.isEmpty && redated.isEmpty && touched.isEmpty && leases.isEmpty && used.isEmpty && leaseKeys.isEmpty
            && ending.isEmpty && ranges.isEmpty && consumers.isEmpty && locks.isEmpty
    }

    /// Notes the keys that an operation names, and with `lists` also the lists of keys that it ends.
    mutating func note(_ operation: Operation, lists: Bool) {
        switch operation {
        case .get(let key), .set(let key, _, nil, .keep, _), .unlock(let key), .lock(let key, _, _, _):
            keys.append(key)
        case .touch(let key):
            keys.append(key)
            touched.append(key)
        case .set(let key, _, let lease?, _, _):
            keys.append(key)
            leaving.append(key)
            used.append(lease)
        case .set(let key, _, nil, _, _):
            keys.append(key)
            redated.append(key)
        case .delete(let key):
            keys.append(key)
            leaving.append(key)
        case .prune(let candidates):
            keys += candidates.map(\.key)
            leaving += candidates.map(\.key)
        case .grantLease(let id, _):
            if let id { leases.append(id) }
        case .keepAlive(let id, _): used.append(id)
        case .expireLease(let id):
            used.append(id)
            if lists { ending.append(id) }
        case .deleteRange(let range), .clear(let range, _):
            if lists { ranges.append(range) }
        case .acknowledge(let name, _), .resetConsumer(let name, _), .deleteConsumer(let name): consumers.append(name)
        case .compact: break
        }
    }

    /// Notes what a rule asked for, if it isn't a list by itself.
    mutating func note(_ need: WorkingSet.Need) {
        switch need {
        case .record(let key): keys.append(key)
        case .lease(let id): leases.append(id)
        case .keysOnLease(let id, let limit): leaseKeys[id] = limit
        case .lock(let token): locks.append(token)
        case .consumer(let name): consumers.append(name)
        case .keysInRange, .result: break
        }
    }
}

extension Transaction {
    /// Whether it ends lists of keys, which is worth knowing whether it will.
    var endsLists: Bool { operations.contains { $0.endsList } || otherwise.contains { $0.endsList } }
}

extension Operation {
    fileprivate var endsList: Bool {
        switch self {
        case .expireLease, .deleteRange, .clear: true
        default: false
        }
    }
}
