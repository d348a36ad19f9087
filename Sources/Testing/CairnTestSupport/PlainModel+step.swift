internal import CairnModel

extension PlainModel {
    /// A transaction under way, on a copy of the state.
    struct Step {
        var state: State
        var events: [Event] = []
        var hasChanged = false
        let now: Timestamp
        let clientID: String
        let limits: Limits

        init(state: State, now: Timestamp, clientID: String, limits: Limits) {
            self.state = state
            self.now = now
            self.clientID = clientID
            self.limits = limits
        }
    }
}

extension PlainModel.Step {
    mutating func run(_ transaction: Transaction) throws(Refusal) -> TransactionResult {
        var failed: FailedCondition?
        for (index, condition) in transaction.conditions.enumerated() where failed == nil {
            let record = state.live(condition.key)
            if !holds(condition.test, record) {
                failed = FailedCondition(
                    index: index, condition: condition, version: record?.version ?? 0,
                    updatedRef: record?.updatedRef ?? 0)
            }
        }
        var results: [OperationResult] = []
        for operation in failed == nil ? transaction.operations : transaction.otherwise {
            results.append(try run(operation))
            if events.count > limits.transactionEvents { throw Refusal(code: .transactionTooLarge) }
        }
        let result = TransactionResult(failedCondition: failed, results: results, ref: state.lastRef)
        if let id = transaction.requestID {
            state.requests[id] = result
            hasChanged = true
        }
        return result
    }

    private func holds(_ test: Condition.Test, _ record: Record?) -> Bool {
        switch test {
        case .absent: return record == nil
        case .present: return record != nil
        case .version(let comparison, let given): return compare(record?.version ?? 0, comparison, given)
        case .createdRef(let comparison, let given):
            return compare(record?.createdRef.rawValue ?? 0, comparison, given.rawValue)
        case .updatedRef(let comparison, let given):
            return compare(record?.updatedRef.rawValue ?? 0, comparison, given.rawValue)
        case .lease(let comparison, let given):
            return compare(record?.leaseID.rawValue ?? 0, comparison, given.rawValue)
        case .lockToken(let comparison, let given):
            return compare(record?.lockToken.rawValue ?? 0, comparison, given.rawValue)
        case .value(let comparison, let given):
            guard let record else { return comparison == .notEqual }
            let (mine, theirs) = (record.value, given)
            if mine.kind != theirs.kind {
                return compare(Int64(mine.kind.rawValue), comparison, Int64(theirs.kind.rawValue))
            }
            let isBefore = mine.bytes.lexicographicallyPrecedes(theirs.bytes)
            return compare(mine == theirs ? 0 : (isBefore ? -1 : 1), comparison, 0)
        }
    }

    private func compare(_ actual: Int64, _ comparison: Condition.Comparison, _ given: Int64) -> Bool {
        switch comparison {
        case .equal: actual == given
        case .notEqual: actual != given
        case .less: actual < given
        case .greater: actual > given
        }
    }

    private mutating func run(_ operation: Operation) throws(Refusal) -> OperationResult {
        switch operation {
        case .set(let key, let value, let lease, let expiry, let skipIfUnchanged):
            return .written(try set(key, value, lease, expiry, skipIfUnchanged: skipIfUnchanged))
        case .touch(let key):
            return .lease(try touch(key))
        case .prune(let candidates):
            return .deleted(prune(candidates))
        case .delete(let key):
            guard let live = state.live(key) else { return .deleted([]) }
            try access(live, toRead: false)
            return .deleted([end(live, .deleted)])
        case .deleteRange(let range):
            let live = state.records.values.filter { $0.isLive && range.contains($0.key) }.sorted { $0.key < $1.key }
            if live.count > limits.transactionEvents { throw Refusal(code: .transactionTooLarge) }
            for record in live { try access(record, toRead: false) }
            return .deleted(live.map { end($0, .deleted) })
        case .clear(let range, let force):
            return .deleted(try clear(range, force: force))
        case .lock(let key, let duration, let mode, let createIfMissing):
            return .lock(try lock(key, duration, mode, createIfMissing: createIfMissing))
        case .unlock(let key):
            try unlock(key)
            return .lock(nil)
        case .get(let key):
            if let live = state.live(key) { try access(live, toRead: true) }
            return .read(state.live(key))
        case .grantLease(let id, let duration):
            return .lease(try grant(id, duration))
        case .keepAlive(let id, let expiry):
            return .lease(try keepAlive(id, expiry))
        case .expireLease(let id):
            _ = try lease(id)
            return .deleted(end(id))
        case .acknowledge(let name, let ref):
            if ref > state.lastRef { throw Refusal(code: .futureRef) }
            if let consumer = state.consumers[name], consumer.cursor >= ref { return .consumer(consumer) }
            return .consumer(put(name, ref))
        case .resetConsumer(let name, let ref):
            if ref > state.lastRef { throw Refusal(code: .futureRef) }
            if ref.rawValue + 1 < state.oldestRef.rawValue { throw Refusal(code: .compacted) }
            return .consumer(put(name, ref))
        case .deleteConsumer(let name):
            guard state.consumers.removeValue(forKey: name) != nil else { throw Refusal(code: .consumerNotFound) }
            hasChanged = true
            return .none
        case .compact(let ref):
            if ref.rawValue > state.lastRef.rawValue + 1 { throw Refusal(code: .futureRef) }
            if ref > state.oldestRef {
                state.oldestRef = ref
                hasChanged = true
            }
            return .none
        }
    }

    private mutating func put(_ name: String, _ ref: Ref) -> Consumer {
        let consumer = Consumer(name: name, cursor: ref, updatedAt: now)
        state.consumers[name] = consumer
        hasChanged = true
        return consumer
    }
}
