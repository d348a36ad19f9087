internal import CairnModel

// Loading. However many operations a batch has, what they need is asked for in a handful of questions: records, the
// keys of ranges and leases, the records of those, leases, locks, the keys beside them.
extension Batch {
    /// Loads what transactions need, as far as it can be foreseen.
    mutating func load(neededBy transactions: [Transaction]) throws(StoreError) {
        var needed = Foresight()
        needed.keys.reserveCapacity(transactions.count)
        var undecided: [Int] = []
        for (index, transaction) in transactions.enumerated() {
            for condition in transaction.conditions { needed.keys.append(condition.key) }
            let isSure = transaction.conditions.isEmpty
            for operation in transaction.operations { needed.note(operation, lists: isSure) }
            for operation in transaction.otherwise { needed.note(operation, lists: false) }
            if !isSure, transaction.endsLists { undecided.append(index) }
        }
        set.expectRecords(needed.keys.count)
        var found = Found()
        try loadRecords(of: needed.keys, &found)
        for index in undecided { noteLists(of: transactions[index], in: &needed) }
        try loadRest(of: needed, found)
    }

    /// Loads what a rule asked for, and with it what else its transaction is now seen to need.
    mutating func load(_ need: WorkingSet.Need, of transaction: Transaction?) throws(StoreError) {
        var needed = Foresight()
        switch need {
        case .result(let request): return set.load(result: try view.result(of: request), for: request)
        case .keysInRange(let range, let limit): try loadKeys(in: [range], limit: limit)
        default: needed.note(need)
        }
        if let transaction {
            for operation in transaction.operations + transaction.otherwise { needed.note(operation, lists: false) }
            noteLists(of: transaction, in: &needed)
        }
        var found = Found()
        try loadRecords(of: needed.keys, &found)
        try loadRest(of: needed, found)
    }

    /// Notes the lists of the branch that the transaction takes, as far as can be told.
    private func noteLists(of transaction: Transaction, in needed: inout Foresight) {
        // What is not known yet may still be decided otherwise by those before it; then the rule asks.
        let failed: FailedCondition?
        do { failed = try set.firstFailed(of: transaction.conditions) } catch { return }
        for operation in failed == nil ? transaction.operations : transaction.otherwise {
            needed.note(operation, lists: true)
        }
    }

    /// What the records that were loaded lead to.
    private struct Found {
        var tokens: [Ref] = []
        var leases: [LeaseID] = []
        /// Live keys, if those whose lease is due must be found.
        var live: [Key] = []

        var isEmpty: Bool { tokens.isEmpty && leases.isEmpty && live.isEmpty }
    }

    private mutating func loadRecords(of keys: [Key], _ found: inout Found) throws(StoreError) {
        let keys = set.hasRecords ? keys.filter { !set.hasRecord($0) } : keys
        if keys.isEmpty { return }
        let isBehind = isBehind
        try view.forEachRecord(of: keys) { key, record in
            set.load(record: record, for: key)
            guard let record, record.isLive else { return }
            if record.lockToken != .zero { found.tokens.append(record.lockToken) }
            if isBehind {
                found.live.append(key)
                found.leases.append(record.leaseID)
            } else if record.leaseID.isLifespan {
                found.leases.append(record.leaseID)
            }
        }
    }

    private mutating func loadRest(of needed: Foresight, _ before: Found) throws(StoreError) {
        if needed.isPlain, before.isEmpty { return }
        var found = before
        var leaving = needed.leaving
        try loadKeys(in: needed.ranges, limit: limits.transactionEvents + 1)
        // If there are more, the transaction is refused as a rule, and their records are not needed.
        let inRanges = needed.ranges.disjoint.filter { set.hasKeys(in: $0) }.flatMap { set.keys(in: $0) }
        leaving += inRanges
        let onLeases = try loadKeys(on: needed.leaseKeys, ending: needed.ending)
        try loadRecords(of: inRanges + onLeases, &found)
        try loadLeases(needed, leaving: leaving, found.leases)
        try loadLocks(needed.locks + found.tokens)
        let names = needed.consumers.filter { !set.hasConsumer($0) }
        if !names.isEmpty {
            let consumers = try view.consumers(names)
            for name in names { set.load(consumer: consumers[name], for: name) }
        }
        if isBehind { try endDue(found.live) }
    }

    /// Loads the live keys of ranges, the first of them if they are more than the limit.
    private mutating func loadKeys(in ranges: [KeyRange], limit: Int) throws(StoreError) {
        let unknown = ranges.disjoint.filter { !set.hasKeys(in: $0) }
        if unknown.isEmpty { return }
        let keys = try view.keys(in: unknown, limit: limit)
        set.load(keys: keys, in: unknown, areAll: keys.count < limit)
    }

    /// Loads keys on leases, and returns those whose records are needed.
    private mutating func loadKeys(on some: [LeaseID: Int], ending: [LeaseID]) throws(StoreError) -> [Key] {
        var all: [Key] = []
        for (id, keys) in try keys(on: some) {
            let limit = some[id] ?? .max
            set.load(keys: keys, on: id, limit: limit)
            if keys.count < limit { all += keys }
        }
        var open: Set<LeaseID> = []
        for id in ending {
            if let keys = set.knownKeys(on: id) { all += keys } else { open.insert(id) }
        }
        let most = limits.transactionEvents
        // Few of each at first: if they all had as many as may end, nobody could hold them.
        var limit = open.isEmpty ? 0 : 2 * most / open.count + 2
        while !open.isEmpty, all.count <= most {
            let asked = min(limit, most + 2)
            for (id, keys) in try keys(on: Dictionary(uniqueKeysWithValues: open.map { ($0, asked) })) {
                set.load(keys: keys, on: id, limit: asked)
                if keys.count < asked { all += keys }
                if keys.count < asked || asked == most + 2 { open.remove(id) }
            }
            limit *= 2
        }
        return all
    }

    /// So many of the keys on each lease; none is left out.
    private func keys(on limits: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]] {
        if limits.isEmpty { return [:] }
        let found = try view.keys(on: limits)
        return limits.reduce(into: [:]) { $0[$1.key] = found[$1.key] ?? [] }
    }

    /// Loads leases that are named, and those of keys for which it matters, with as many of the keys beside them as
    /// tell whether they go on without.
    private mutating func loadLeases(
        _ needed: Foresight, leaving: [Key], _ found: [LeaseID]
    ) throws(StoreError) {
        let leavingLeases = leaving.compactMap { set.knownLiveRecord($0)?.leaseID }
        let redatedLeases = needed.redated.compactMap { set.knownLiveRecord($0)?.leaseID }
        let touchedLeases = needed.touched.compactMap { set.knownLiveRecord($0)?.leaseID }
        let ids = needed.leases + needed.used + found + leavingLeases + redatedLeases + touchedLeases
        let unknown = Set(ids.filter { !set.hasLease($0) })
        if !unknown.isEmpty {
            let leases = try view.leases(Array(unknown))
            for id in unknown { set.load(lease: leases[id], for: id) }
        }
        // Each of them may go in this batch; one more tells whether any is left.
        var counted: [LeaseID: Int] = [:]
        for id in leavingLeases where set.knownLease(id).map({ !$0.isGranted }) ?? false {
            counted[id, default: 2] += 1
        }
        for id in redatedLeases + needed.used where !(set.knownLease(id)?.isGranted ?? false) {
            counted[id, default: 2] += 1
        }
        counted = counted.filter { !set.hasKeys(on: $0.key) }
        for (id, keys) in try keys(on: counted) { set.load(keys: keys, on: id, limit: counted[id] ?? .max) }
    }

    private mutating func loadLocks(_ tokens: [Ref]) throws(StoreError) {
        let tokens = Array(Set(tokens.filter { !set.hasLock($0) }))
        if tokens.isEmpty { return }
        let locks = try view.locks(tokens)
        for token in tokens { set.load(lock: locks[token], for: token) }
    }
}
