public import CairnModel

// How keys are used, and what follows from it.
extension Keyspace: KeyMetricsSource {
    /// What is known of a key, or `nil` if nothing is: what this process has seen of it since it opened the store.
    public func keyMetrics(of key: Key) async throws(StoreError) -> KeyMetrics? {
        try checkOpen()
        try key.check(limits)
        return try counted(key)[key]
    }

    /// The keys that are used most just now, as this process has seen it.
    public func hottestKeys(limit: Int) async throws(StoreError) -> [HotKey] {
        try checkOpen()
        try HotKey.check(limit: limit)
        return try counted(nil).hottest(limit, at: options.clock.now())
    }

    private func counted(_ key: Key?) throws(StoreError) -> KeyMetricsTable {
        guard let keyMetrics else {
            throw StoreError(
                .unsupported, "the use of keys is not counted here; serve with --key-metrics, or with pruning",
                key: key)
        }
        return keyMetrics
    }

    /// Notes that a record was read. One branch where nobody wants to know.
    @inline(__always)
    func noteAccess(to record: Record, by clientID: String) {
        if accesses.isWanted { noteWantedAccess(to: record, by: clientID) }
    }

    @inline(never)
    private func noteWantedAccess(to record: Record, by clientID: String) {
        let now = options.clock.now()
        keyMetrics?.noteAccess(to: record.key, at: now)
        guard accesses.isWatched else { return }
        // No store looks at the length of a reader's name; who watches shall not suffer from it.
        let name =
            clientID.utf8.count <= limits.nameBytes
            ? clientID : String(decoding: clientID.utf8.prefix(limits.nameBytes), as: UTF8.self)
        accesses.note(
            KeyAccess(
                key: record.key, version: record.version, updatedRef: record.updatedRef, time: now, clientID: name))
    }

    /// Notes the keys that a transaction has read or touched. A touch counts as a use of a key; it reads nothing.
    func noteAccesses(of transaction: Transaction, _ result: TransactionResult) {
        guard accesses.isWanted else { return }
        let operations = result.succeeded ? transaction.operations : transaction.otherwise
        for (operation, result) in zip(operations, result.results) {
            switch (operation, result) {
            case (.get, .read(let record?)): noteAccess(to: record, by: transaction.clientID)
            case (.touch(let key), _): keyMetrics?.noteAccess(to: key, at: options.clock.now())
            default: break
            }
        }
    }
}

extension Keyspace: KeyPruner {
    /// Prunes keys until there are `count`, in the order of ``KeyspaceOptions/pruning``, and returns how many it was.
    public func prune(
        to count: Int, ignoring ignored: [Key], clientID: String
    ) async throws(StoreError) -> Int {
        try checkOpen()
        guard count >= 0 else { throw StoreError(.invalidArgument, "to prune to \(count) keys is not possible") }
        return try await pruner.prune(
            to: count, from: count, ignoring: Set(ignored), clientID: clientID, occasion: .manual)
    }
}
