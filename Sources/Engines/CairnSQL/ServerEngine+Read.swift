package import CairnKeyspace
package import CairnModel

// Reading, on connections of their own. A read that failed because the database went away is made again.

extension ServerEngine {
    /// The records of these keys: by one question for the head, if they are known as of that; the others by one
    /// statement more.
    package func lookUp(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        try metrics.time(.lookup) { () throws(StoreError) in
            try pool.withPatience(options.patience) { (session) throws(StoreError) in
                let head = try session.head()
                try cache.catchUp(to: head, isLocked: false) { first, count, bytes throws(StoreError) in
                    try session.withSnapshot { (view) throws(StoreError) in
                        try view.events(from: first, limit: count, bytes: bytes)
                    }
                }
                guard cache.has(come: head.lastRef) else { return try session.records(keys) }
                return try cache.records(keys) { (missing) throws(StoreError) in try session.records(missing) }
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
