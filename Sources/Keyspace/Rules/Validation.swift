package import CairnModel

// What can be judged of a request without looking at the store.

extension Key {
    /// Throws ``StoreError/Code/invalidKey`` unless the key's length is within the limits.
    package func check(_ limits: Limits) throws(StoreError) {
        guard !bytes.isEmpty else {
            throw StoreError(.invalidKey, "the key is empty; a key has 1 to \(limits.keyBytes) bytes")
        }
        guard bytes.count <= limits.keyBytes else {
            throw StoreError(
                .invalidKey,
                "the key has \(bytes.count) bytes; the most is \(limits.keyBytes): "
                    + "\(Key(bytes: Array(bytes.prefix(32)))) …",
                key: self)
        }
    }
}

extension Ref {
    /// Throws ``StoreError/Code/invalidRef`` if the ref is negative.
    package func check() throws(StoreError) {
        guard rawValue >= 0 else {
            throw StoreError(
                .invalidRef, "ref \(self) is negative; refs start at 1, and 0 means the beginning", ref: self)
        }
    }
}

extension Transaction {
    /// Throws the error that the transaction would fail with whatever the store holds. Returns its size in bytes.
    @discardableResult
    package func check(_ limits: Limits) throws(StoreError) -> Int {
        for (what, count) in [
            ("conditions", conditions.count), ("operations", operations.count), ("operations", otherwise.count),
        ] where count > limits.transactionOperations {
            throw StoreError(
                .transactionTooLarge,
                "the transaction has \(count) \(what); the most is \(limits.transactionOperations)")
        }
        try Transaction.check(name: clientID, "client id", limits, mayBeEmpty: true)
        var bytes = 0
        for condition in conditions {
            try condition.key.check(limits)
            bytes += condition.key.bytes.count
            if case .value(_, let value) = condition.test { bytes += value.bytes.count }
        }
        for operation in operations { bytes += try operation.check(limits) }
        for operation in otherwise { bytes += try operation.check(limits) }
        guard bytes <= limits.transactionBytes else {
            throw StoreError(
                .transactionTooLarge,
                "the transaction has \(bytes) bytes of keys and values; the most is \(limits.transactionBytes)")
        }
        return bytes
    }

    /// Throws ``StoreError/Code/invalidArgument`` unless the name's length is within the limits.
    package static func check(
        name: String, _ what: String, _ limits: Limits, mayBeEmpty: Bool = false
    ) throws(StoreError) {
        let count = name.utf8.count
        guard count <= limits.nameBytes, mayBeEmpty || count > 0 else {
            throw StoreError(.invalidArgument, "the \(what) has \(count) bytes; it may have 1 to \(limits.nameBytes)")
        }
    }
}

extension Operation {
    /// Throws what the operation is sure to fail with. Returns its size in bytes.
    fileprivate func check(_ limits: Limits) throws(StoreError) -> Int {
        switch self {
        case .set(let key, let value, let lease, let expiry, _):
            try key.check(limits)
            try value.check(limits, for: key)
            try expiry.check(limits)
            guard lease == nil || expiry == .keep else {
                throw StoreError(
                    .invalidArgument,
                    "a set of \(key) names a lease and an expiry; a key on a lease lives by the lease's deadline",
                    key: key)
            }
            return key.bytes.count + value.bytes.count
        case .delete(let key), .get(let key), .touch(let key):
            try key.check(limits)
            return key.bytes.count
        case .lock(let key, let duration, _, _):
            try key.check(limits)
            guard limits.lockDurations.contains(duration) else {
                throw StoreError(
                    .invalidArgument,
                    "a lock on \(key) for \(duration) is not possible; it must be "
                        + "\(limits.lockDurations.lowerBound) to "
                        + "\(limits.lockDurations.upperBound)", key: key)
            }
            return key.bytes.count
        case .unlock(let key):
            try key.check(limits)
            return key.bytes.count
        case .prune(let candidates):
            for candidate in candidates { try candidate.key.check(limits) }
            return candidates.reduce(0) { $0 + $1.key.bytes.count }
        case .deleteRange(let range), .clear(let range, _):
            return range.lower.bytes.count + (range.upper?.bytes.count ?? 0)
        case .grantLease(let id, let duration):
            if let id, id < .firstChosen {
                throw StoreError(
                    .invalidArgument, "lease id \(id) is not free to choose; choose one from \(LeaseID.firstChosen) on")
            }
            if let duration { try Expiry.after(duration).check(limits) }
        case .keepAlive(let id, let expiry):
            try expiry.check(limits)
            if case .lifespan = expiry, !id.isLifespan {
                throw StoreError(
                    .invalidArgument, "lease \(id) is no lifespan; give it a deadline, or set its key with a lifespan")
            }
        case .acknowledge(let name, let ref), .resetConsumer(let name, let ref):
            try Transaction.check(name: name, "consumer's name", limits)
            try ref.check()
        case .deleteConsumer(let name):
            try Transaction.check(name: name, "consumer's name", limits)
        case .compact(let ref):
            try ref.check()
        case .expireLease:
            break
        }
        return 0
    }
}

extension Value {
    /// Throws ``StoreError/Code/valueTooLarge``, or ``StoreError/Code/invalidArgument`` if the bytes are not of the
    /// form that their kind has.
    fileprivate func check(_ limits: Limits, for key: Key) throws(StoreError) {
        guard kind != .typed || contentType != nil else {
            throw StoreError(
                .invalidArgument, "the value for \(key) is said to have a content type, but does not begin with one",
                key: key)
        }
        let size = content.count
        guard size <= limits.valueBytes else {
            throw StoreError(
                .valueTooLarge, "the value for \(key) has \(size) bytes; the most is \(limits.valueBytes)",
                key: key)
        }
    }
}

extension Expiry {
    fileprivate func check(_ limits: Limits) throws(StoreError) {
        if case .lifespan(let duration) = self {
            guard limits.lifespans.contains(duration) else {
                throw StoreError(
                    .invalidArgument,
                    "a lifespan of \(duration) is not possible; it must be \(limits.lifespans.lowerBound) to "
                        + "\(limits.lifespans.upperBound)")
            }
        }
        guard case .after(let duration) = self else { return }
        guard duration > .zero, duration <= limits.leaseDuration else {
            throw StoreError(
                .invalidArgument,
                "a lifetime of \(duration) is not possible; it must be more than 0 and at most \(limits.leaseDuration)")
        }
    }
}
