public import CairnModel

// Writing.
extension Keyspace {
    /// Runs a transaction, and returns when it is as durable as the home can make it.
    public func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        let result = try await pruner.commitMakingRoom(transaction)
        noteAccesses(of: transaction, result)
        return result
    }

    /// Runs a transaction, and calls `answer` when it is as durable as the home can make it, or nobody wants it any
    /// more when its turn comes.
    public func commit(
        _ transaction: Transaction, isWanted: (@Sendable () -> Bool)?,
        answer: @escaping @Sendable (Result<TransactionResult, StoreError>) -> Void
    ) {
        guard accesses.isWanted || pruner.canMakeRoom else {
            return committer.commit(transaction, isWanted: isWanted, answer: answer)
        }
        committer.commit(transaction, isWanted: isWanted) { [self] result in
            switch result {
            case .success(let success):
                noteAccesses(of: transaction, success)
                answer(result)
            case .failure(let error) where error.code == .maxKeys && pruner.canMakeRoom:
                // Unstructured, as nobody is there to wait for it; that there is no room is rare.
                Task {
                    do throws(StoreError) {
                        answer(.success(try await commit(transaction)))
                    } catch {
                        answer(.failure(error))
                    }
                }
            case .failure: answer(result)
            }
        }
    }
}

// Copying.
extension Keyspace {
    /// Writes a copy of the store to a file that must not exist.
    public func backup(toFile path: String) async throws(StoreError) {
        try checkOpen()
        try capabilities.require(.backup)
        let engine = engine
        let result = await BlockingCall.run(name: "cairn-backup") { () -> Result<Void, StoreError> in
            do throws(StoreError) { return .success(try engine.backup(toFile: path)) } catch { return .failure(error) }
        }
        try result.get()
    }
}
