package import CairnModel

// What a transaction does: conditions, then one branch of operations, all or nothing.

extension WorkingSet {
    /// Decides a transaction at `now`. Nothing of it remains when this throws.
    package mutating func run(
        _ transaction: Transaction, at now: Timestamp, limits: Limits
    ) throws(Stop) -> TransactionResult {
        if let request = transaction.requestID, let earlier = try result(of: request) { return earlier }
        return try atomically { (set) throws(Stop) in
            let first = set.eventCount
            let failed = try set.firstFailed(of: transaction.conditions)
            let operations = failed == nil ? transaction.operations : transaction.otherwise
            var results: [OperationResult] = []
            results.reserveCapacity(operations.count)
            let scope = OperationScope(now: now, clientID: transaction.clientID, limits: limits)
            for operation in operations {
                results.append(try set.run(operation, in: scope))
                try set.checkEventCount(since: first, limits: limits)
            }
            set.closeTransaction(from: first)
            let result = TransactionResult(failedCondition: failed, results: results, ref: set.head.lastRef)
            if let request = transaction.requestID { set.store(result: result, for: request) }
            return result
        }
    }

    /// Ends these keys on a lease whose deadline has passed, as a transaction of their own; and the lease, if they are
    /// all.
    package mutating func expireDue(
        _ lease: LeaseID, keys: [Key], areAll: Bool, at now: Timestamp
    ) throws(Stop) {
        try atomically { (set) throws(Stop) in
            let first = set.eventCount
            let scope = OperationScope(now: now, clientID: "", limits: .standard)
            _ = try set.endLease(lease, keys: keys, areAll: areAll, in: scope)
            set.closeTransaction(from: first)
        }
    }

    private func checkEventCount(since first: Int, limits: Limits) throws(Stop) {
        guard eventCount - first <= limits.transactionEvents else {
            throw .failed(
                StoreError(
                    .transactionTooLarge,
                    "the transaction would change more than \(limits.transactionEvents) keys; change fewer at a time"))
        }
    }

    private mutating func run(_ operation: Operation, in scope: OperationScope) throws(Stop) -> OperationResult {
        switch operation {
        case .set(let key, let value, let lease, let expiry, let skipIfUnchanged):
            return .written(
                try set(
                    key, value, lease: lease, expiry: expiry, skipIfUnchanged: skipIfUnchanged, in: scope))
        case .touch(let key):
            return .lease(try touch(key, in: scope))
        case .prune(let candidates):
            return .deleted(try prune(candidates, in: scope))
        case .delete(let key):
            return .deleted(try end([key], .deleted, in: scope))
        case .deleteRange(let range):
            return .deleted(try end(try endableKeys(in: range, scope), .deleted, in: scope))
        case .clear(let range, let force):
            return .deleted(try clear(range, force: force, in: scope))
        case .get(let key):
            return .read(try readableRecord(key, in: scope))
        case .grantLease(let id, let duration):
            return .lease(try grantLease(id, duration: duration, in: scope))
        case .keepAlive(let id, let expiry):
            return .lease(try keepAlive(id, expiry: expiry, in: scope))
        case .expireLease(let id):
            return .deleted(try expireLease(id, in: scope))
        case .lock(let key, let duration, let mode, let createIfMissing):
            return .lock(
                try lock(key, duration: duration, mode: mode, createIfMissing: createIfMissing, in: scope))
        case .unlock(let key):
            try unlock(key, in: scope)
            return .lock(nil)
        case .acknowledge(let name, let ref):
            return .consumer(try acknowledge(name, through: ref, in: scope))
        case .resetConsumer(let name, let ref):
            return .consumer(try resetConsumer(name, to: ref, in: scope))
        case .deleteConsumer(let name):
            try deleteConsumer(name)
            return .none
        case .compact(let ref):
            try compact(before: ref)
            return .none
        }
    }
}

/// What is the same for every operation of a transaction.
package struct OperationScope: Sendable {
    /// The time of the batch.
    package let now: Timestamp
    /// Who writes.
    package let clientID: String
    /// The limits of the store.
    package let limits: Limits
}
