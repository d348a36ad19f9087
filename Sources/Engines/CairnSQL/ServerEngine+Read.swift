package import CairnKeyspace
package import CairnModel

// Reading, on connections of their own. A read that failed because the database went away is made again.

extension ServerEngine {
    /// What the cache knows, for which the database is asked one small question: how far the log has come.
    package func recall(_ keys: [Key]) throws(StoreError) -> [ReadyRecord?] {
        try metrics.time(.recall) { () throws(StoreError) in
            try pool.withPatience(options.patience) { (session) throws(StoreError) in
                let head = try session.head()
                try cache.catchUp(to: head, isLocked: false) { first, count, bytes throws(StoreError) in
                    try session.withSnapshot { (view) throws(StoreError) in
                        try view.events(from: first, limit: count, bytes: bytes)
                    }
                }
                guard cache.has(come: head.lastRef) else { return keys.map { _ in nil } }
                return keys.map { key in cache.entry(key).map { $0.map(ReadyRecord.record) ?? .absent } }
            }
        }
    }

    /// The records of these keys as the database has them, by one statement; noted in the cache.
    package func lookUp(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        try metrics.time(.lookup) { () throws(StoreError) in
            try pool.withPatience(options.patience) { (session) throws(StoreError) in
                let before = cache.state
                let records = try session.records(keys)
                for key in keys { cache.fill(records[key], for: key, readAfter: before) }
                return records
            }
        }
    }

    /// Runs `body` in a transaction that sees one moment.
    package func read<Result>(
        _ body: (any EngineView) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try metrics.time(.read) { () throws(StoreError) in
            try pool.withPatience(options.patience) { (session) throws(StoreError) in try session.withSnapshot(body) }
        }
    }
}

extension SessionPool {
    /// Runs `body` with a session, and again with another while the database is away or busy.
    func withPatience<Result>(
        _ duration: Duration, _ body: (Home.Session) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        var patience = Patience(duration)
        while true {
            do throws(StoreError) {
                return try withSession(body)
            } catch {
                guard error.isTransient, patience.wait(after: error) else { throw error }
                metrics.retry(after: error)
            }
        }
    }
}
