package import CairnKeyspace
package import CairnModel
package import CairnSQL

// Batches. One is begun in one round trip, and stored and committed in another, unless it is larger than a packet.

extension MySQLSession {
    /// Begins a transaction, locks the head row, and reads it.
    package func beginBatch() throws(StoreError) -> BatchStart {
        let (sql, lock) = beginning
        var head: Head?
        var time: Timestamp?
        var nextDeadline: Timestamp?
        func read(_ index: Int, _ row: Row) throws(StoreError) {
            if index == lock { head = row.head }
            guard index == lock + 1 else { return }
            time = Timestamp(microseconds: row.integer(0))
            nextDeadline = row.optionalInteger(1).map(Timestamp.init(microseconds:))
            try checkPrimary(row, 2)
        }
        do throws(StoreError) {
            if connection.isAhead { try connection.collect(read) } else { try connection.run(sql, read) }
        } catch {
            // A lock that wasn't had in time ends the statement, not the transaction.
            rollBack()
            throw error
        }
        guard let head, let time else {
            rollBack()
            throw connection.headIsGone
        }
        batchHead = head
        return BatchStart(head: head, time: time, nextDeadline: nextDeadline)
    }

    /// What begins a batch, and the place of the statement that locks the head.
    private var beginning: (sql: SQL, lock: Int) {
        var sql = Statements.begin
        if isGuarded { sql = Statements.holdCommits.followed(by: sql) }
        let lock = sql.count
        sql.then(statements.lockHead)
        sql.then(statements.batchStart)
        return (sql, lock)
    }

    package func callOff() {
        if connection.isAhead { rollBack() }
    }

    /// The state that the open batch started from.
    package func batchView(from start: BatchStart) -> any EngineView {
        MySQLView(
            snapshot: Snapshot(connection, opening: nil), statements: statements, start: start,
            usesDatabaseClock: usesDatabaseClock)
    }

    /// Stores all that a batch decided, and commits the open transaction.
    package func commit(_ batch: StoredBatch, isFollowed: Bool) throws(StoreError) {
        let pieces: [SQL]
        do throws(StoreError) {
            pieces = try BatchText(statements, connection.server, place: connection.place).pieces(
                of: batch, from: batchHead, registrations[batch.replica])
        } catch {
            rollBack()
            throw error
        }
        for piece in pieces.dropLast() {
            do throws(StoreError) {
                try connection.run(piece)
            } catch {
                rollBack()
                throw error
            }
        }
        guard let last = pieces.last else { return }
        try commit(with: last)
        // The server takes the lock while the callers are answered. On a cluster statements go one by one.
        if isFollowed, !isGuarded { connection.runAhead(beginning.sql) }
    }

    /// Sends the piece that ends with COMMIT.
    private func commit(with last: SQL) throws(StoreError) {
        var counts: [Int] = []
        guard let failure = connection.attempt(last, &counts) else {
            if isGuarded { connection.sendAhead(Statements.releaseCommits) }
            return
        }
        var error = StoreError.mysql(failure, connection.server, place: connection.place)
        let isCommit = failure.statement == last.count - 1
        // What comes before COMMIT fails on its own, and COMMIT isn't run. But when the connection broke, or COMMIT
        // itself failed, nobody here knows, unless the server says that it has undone the transaction.
        if failure.isLost || isCommit && !Meaning(failure, connection.server).isUndone {
            connection.giveUp()
            error.retry = .unknownOutcome
            if !failure.isLost { error.message += " Whether the batch is stored is not known." }
        } else {
            rollBack()
        }
        throw error
    }
}

extension Connection {
    /// The row without which there is no store.
    var headIsGone: StoreError {
        StoreError(.corrupted, "\(place): the table head of the store is empty; restore a backup")
    }
}
