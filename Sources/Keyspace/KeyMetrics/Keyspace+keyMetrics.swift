public import CairnModel

// How keys are used, and what follows from it.
extension Keyspace: KeyMetricsSource {
    /// What is known of a key, or `nil` if nothing is: what this process has seen of it since it opened the store.
    public func keyMetrics(of key: Key) async throws(StoreError) -> KeyMetrics? {
        try checkOpen()
        try key.check(limits)
        guard let keyMetrics else {
            throw StoreError(
                .unsupported, "the use of keys is not counted here; serve with --key-metrics, or with pruning",
                key: key)
        }
        return keyMetrics[key]
    }

    /// Notes that a key was read. One branch where nobody wants to know.
    @inline(__always)
    func noteAccess(to key: Key) {
        if let keyMetrics { keyMetrics.noteAccess(to: key, at: options.clock.now()) }
    }

    /// Notes the keys that a transaction has read or touched.
    func noteAccesses(of transaction: Transaction, _ result: TransactionResult) {
        guard keyMetrics != nil else { return }
        let operations = result.succeeded ? transaction.operations : transaction.otherwise
        for (operation, result) in zip(operations, result.results) {
            switch (operation, result) {
            case (.get(let key), .read(.some)), (.touch(let key), _): noteAccess(to: key)
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
