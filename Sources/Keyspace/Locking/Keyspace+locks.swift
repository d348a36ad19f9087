public import CairnModel

// Locks.
extension Keyspace {
    /// The lock that a live key is under.
    public func lock(of key: Key) async throws(StoreError) -> LockStatus? {
        try checkOpen()
        try key.check(limits)
        let clock = options.clock
        return try await reads.run { (view) throws(StoreError) in
            guard let record = try view.records([key])[key], record.isLive, record.lockToken != .zero,
                let lock = try view.locks([record.lockToken])[record.lockToken]
            else { return nil }
            return LockStatus(lock, at: try view.time() ?? clock.now())
        }
    }

    /// Locks by token.
    public func locks(from first: Ref, limit: Int) async throws(StoreError) -> [LockStatus] {
        try checkOpen()
        try first.check()
        let clock = options.clock
        let limit = min(try limit.checkedAsLimit(), limits.pageEntries)
        return try await reads.run { (view) throws(StoreError) in
            let now = try view.time() ?? clock.now()
            return try view.locks(from: first, limit: limit).map { LockStatus($0, at: now) }
        }
    }

    /// Takes a lock, and waits for it if need be.
    public func acquireLock(_ request: LockRequest) async throws(StoreError) -> Lock {
        try checkOpen()
        if let wait = request.wait, wait < .zero {
            throw StoreError(
                .invalidArgument, "a wait of \(wait) for the lock on \(request.key) is not possible", key: request.key)
        }
        return try await lockQueue.acquire(request)
    }
}

extension LockStatus {
    init(_ lock: Lock, at now: Timestamp) {
        self.init(lock: lock, timeLeft: max(.zero, lock.deadline - now))
    }
}
