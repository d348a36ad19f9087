public import CairnKeyspace
public import CairnModel

// Reading: from memory when the shared header vouches for it, else in a transaction on a reading connection.

extension SQLiteEngine {
    /// The record of a key, if it is in memory and nobody has committed since it was known to be current.
    public func readyRecord(_ key: Key) -> ReadyRecord? { cache?.readyRecord(key) }

    /// Whether the header of the log has changed in a way that this engine has not followed yet, or has followed
    /// beyond `ref`.
    ///
    /// Also true for a moment during our own commits, and after a checkpoint, until the next read or batch.
    public func mayHaveForeignChanges(since ref: Ref) -> Bool {
        // Without shared memory nothing is known.
        guard let cache else { return true }
        return !cache.isInStep || cache.lastRef > ref
    }

    /// Whether all that was committed is reflected in memory, for tests.
    package var isInStep: Bool { cache?.isInStep ?? false }

    /// Runs `body` in one read transaction.
    public func read<Result>(
        _ body: (any EngineView) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try pool.withReader { statements throws(StoreError) in
            // Before the transaction begins, so what it sees is of this header or later.
            let stamp = cache?.stamp()
            try statements.begin.run()
            do throws(StoreError) {
                if let cache, let stamp, !cache.isInStep { try follow(cache, from: stamp, statements) }
                let result = try body(SQLiteView(statements: statements, cache: cache, source: .read(stamp)))
                try statements.commit.run()
                return result
            } catch {
                try? statements.rollback.run()
                throw error
            }
        }
    }

    /// Applies to the cache what others have committed, if it is little, so that an engine that only reads stays in
    /// step.
    private func follow(
        _ cache: CoherentCache,
        from stamp: WALStamp,
        _ statements: ReadStatements
    ) throws(StoreError) {
        let head = try statements.storedHead()
        // The transaction saw exactly the state of `stamp` if nothing was committed until it had begun.
        guard cache.stamp() == stamp else { return }
        let view = SQLiteView(statements: statements, cache: nil, source: .read(nil))
        try cache.catchUp(to: head, at: stamp, limit: 1_000, mayClear: false) { first, count throws(StoreError) in
            try view.events(from: first, limit: count, bytes: 8 << 20)
        }
    }
}
