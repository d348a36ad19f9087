internal import CairnModel
internal import CairnSecurity

/// A store that does for each caller what it may do, and no more.
///
/// Whatever door a call comes by, it reaches the store through this; without a ``Caller`` everything is refused. Never
/// a ``CairnModel/DirectStore``: what is done without a task has no caller here. Plain gets and sets of known callers
/// may go by the ``ShortWay``, which allows nothing that this would refuse.
struct GuardedStore: Store {
    let base: any Store

    var capabilities: Capabilities { base.capabilities }
    var limits: Limits { base.limits }

    // MARK: Reading

    func get(_ key: Key, consistency: ReadConsistency, clientID: String) async throws(StoreError) -> Record? {
        let caller = try Caller.required()
        try caller.requireRead(key)
        return try await base.get(key, consistency: consistency, clientID: try caller.clientID(for: clientID))
    }

    func list(_ request: ListRequest) async throws(StoreError) -> ListPage {
        let caller = try Caller.required()
        try caller.requireRead(request.range)
        var request = request
        request.clientID = try caller.clientID(for: request.clientID)
        // A page that begins before the range would be one of other keys.
        if let page = request.page, page < request.range.lower { request.page = nil }
        return try await base.list(request)
    }

    func watch(_ request: WatchRequest) async throws(StoreError) -> WatchStream {
        let ranges = request.ranges
        _ = try Caller.required { (caller) throws(StoreError) in
            for range in ranges { try caller.requireRead(range) }
        }
        return try await base.watch(request)
    }

    func revision(
        of key: Key, _ revision: Revision, clientID: String
    ) async throws(StoreError) -> KeyRevision? {
        let caller = try Caller.required()
        try caller.requireRead(key)
        return try await base.revision(of: key, revision, clientID: try caller.clientID(for: clientID))
    }

    func inspect(_ key: Key, withValue: Bool, clientID: String) async throws(StoreError) -> KeyInspection? {
        let caller = try Caller.required()
        try caller.requireRead(key)
        return try await base.inspect(key, withValue: withValue, clientID: try caller.clientID(for: clientID))
    }

    func history(_ request: HistoryRequest) async throws(StoreError) -> HistoryPage {
        let caller = try Caller.required()
        try caller.requireRead(request.key)
        var request = request
        request.clientID = try caller.clientID(for: request.clientID)
        return try await base.history(request)
    }

    func status() async throws(StoreError) -> StoreStatus {
        _ = try Caller.required()
        return try await base.status()
    }

    // MARK: Writing

    func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        let caller = try Caller.required()
        try caller.require(transaction)
        var transaction = transaction
        transaction.clientID = try caller.clientID(for: transaction.clientID)
        if !caller.permissions.writesEverything {
            for lease in Permissions.leases(in: transaction) { try await requireWrite(lease, caller) }
        }
        return try await base.commit(transaction)
    }

    /// What is done to a lease is done to all keys on it. That another key comes to it before the transaction is its
    /// writer's choice, who may write all the others.
    private func requireWrite(_ id: LeaseID, _ caller: Principal) async throws(StoreError) {
        // One that isn't there is for the store to tell.
        guard let status = try await base.lease(id, withKeys: true) else { return }
        try caller.requireWrite(lease: id, with: status.keys)
    }

    func acquireLock(_ request: LockRequest) async throws(StoreError) -> Lock {
        let (key, given) = (request.key, request.clientID)
        let id = try Caller.required().clientID(for: given)
        _ = try Caller.required { (caller) throws(StoreError) in
            try caller.requireWrite(key)
            // It may wait for long, and the lock is for who asked for it.
            guard try caller.clientID(for: given) != id else { return }
            throw StoreError(
                .clientIDMismatch, "the call was made as client \"\(id)\", which it no longer is", key: key)
        }
        var request = request
        request.clientID = id
        return try await base.acquireLock(request)
    }

    // MARK: Leases, locks and consumers

    func lease(_ id: LeaseID, withKeys: Bool) async throws(StoreError) -> LeaseStatus? {
        let caller = try Caller.required()
        if caller.permissions.readsEverything { return try await base.lease(id, withKeys: withKeys) }
        try caller.requireReader()
        guard var status = try await base.lease(id, withKeys: true) else { return nil }
        try caller.requireRead(lease: id, with: status.keys)
        if !withKeys { status.keys = [] }
        return status
    }

    func leases(from first: LeaseID, limit: Int) async throws(StoreError) -> [LeaseStatus] {
        try Caller.required().requireRead(.all)
        return try await base.leases(from: first, limit: limit)
    }

    func lock(of key: Key) async throws(StoreError) -> LockStatus? {
        try Caller.required().requireRead(key)
        return try await base.lock(of: key)
    }

    func locks(from first: Ref, limit: Int) async throws(StoreError) -> [LockStatus] {
        try Caller.required().requireRead(.all)
        return try await base.locks(from: first, limit: limit)
    }

    func consumer(_ name: String) async throws(StoreError) -> Consumer? {
        _ = try Caller.required { (caller) throws(StoreError) in try caller.requireConsumer(name) }
        return try await base.consumer(name)
    }

    func consumers(after name: String, limit: Int) async throws(StoreError) -> [Consumer] {
        try Caller.required().requireEveryConsumer()
        return try await base.consumers(after: name, limit: limit)
    }

    // MARK: The whole store

    func backup(toFile path: String) async throws(StoreError) {
        _ = try Caller.required { (caller) throws(StoreError) in try caller.requireAdmin() }
        try await base.backup(toFile: path)
    }

    func close() async { await base.close() }
}
