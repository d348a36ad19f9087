package import CairnKeyspace
package import CairnModel
internal import CairnSQL

// Reads outside of batches.

extension MySQLSession {
    /// Calls `body` with a view of the latest moment. The transaction is opened with the first query, and its end isn't
    /// waited for.
    package func withSnapshot<Result>(
        _ body: (any EngineView) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        var opening = Statements.beginSnapshot
        if role != .stale { opening.then(Statements.isReadOnly) }
        let snapshot = Snapshot(connection, opening: opening) { [self] (row) throws(StoreError) in
            try checkPrimary(row, 0)
        }
        defer { if snapshot.isOpen { connection.sendAhead(Statements.commit) } }
        return try body(
            MySQLView(snapshot: snapshot, statements: statements, start: nil, usesDatabaseClock: usesDatabaseClock))
    }

    /// Where the log stands, in one round trip and without a transaction.
    package func head() throws(StoreError) -> Head {
        var query = statements.head
        if role != .stale { query.then(Statements.isReadOnly) }
        var head: Head?
        try connection.run(query) { (index, row) throws(StoreError) in
            if index == 1 { return try checkPrimary(row, 0) }
            head = row.head
        }
        guard let head else { throw connection.headIsGone }
        return head
    }

    /// The records of these keys, in one round trip and without a transaction.
    package func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        guard var query = statements.records(of: keys) else { return [:] }
        let queries = query.count
        if role != .stale { query.then(Statements.isReadOnly) }
        var found: [Key: Record] = [:]
        found.reserveCapacity(keys.count)
        try connection.run(query) { (index, row) throws(StoreError) in
            if index == queries { return try checkPrimary(row, 0) }
            let record = row.record(withValue: true)
            found[record.key] = record
        }
        return found
    }
}
