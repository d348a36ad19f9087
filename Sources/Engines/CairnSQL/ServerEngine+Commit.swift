package import CairnKeyspace
package import CairnModel
internal import Logging
internal import Synchronization

// Writing. One batch is one transaction; what the database has undone is run again, and what became of a commit whose
// answer was lost is found out before anybody is answered.

extension ServerEngine {
    /// Runs a batch that no other follows.
    package func commit(_ decide: (any EngineView) throws(StoreError) -> Changes?) throws(StoreError) {
        try commit(isFollowed: { false }, decide)
    }

    /// Runs one batch as one transaction, again if the database has undone it, for as long as the patience lasts: that
    /// is for all of it, whatever it waits for. After a batch for which the database was away all that time, the next
    /// ones are tried once each, until it is there again: there is one patience for an outage.
    package func commit(
        isFollowed: () -> Bool, _ decide: (any EngineView) throws(StoreError) -> Changes?
    ) throws(StoreError) {
        var patience = Patience(writer.isAway ? .zero : options.patience)
        while true {
            do throws(StoreError) {
                try runBatch(isFollowed, &patience, decide)
                writer.isAway = false
                return
            } catch {
                if writer.session?.isBroken == true { writer.drop(metrics) }
                if writer.isAway, error.code != .unavailable {
                    // It is there again, and only busy.
                    writer.isAway = false
                    patience = Patience(options.patience)
                }
                guard error.isTransient, patience.wait(after: error) else {
                    writer.isAway = error.code == .unavailable
                    throw error
                }
                metrics.retry(after: error)
            }
        }
    }

    /// Undoes the transaction that was begun for a batch that didn't come.
    package func rest() { writer.session?.callOff() }

    private func runBatch(
        _ isFollowed: () -> Bool, _ patience: inout Patience,
        _ decide: (any EngineView) throws(StoreError) -> Changes?
    ) throws(StoreError) {
        let session = try writingSession()
        guard let batch = try decideBatch(on: session, decide) else { return }
        do throws(StoreError) {
            try metrics.time(.commit) { () throws(StoreError) in
                // With the lock held for a batch that waits for more, others would wait, too.
                try session.commit(batch, isFollowed: presence.isAlone && isFollowed())
            }
        } catch {
            if error.retry == .unknownOutcome { return try settle(batch, error, &patience) }
            session.rollBack()
            throw error
        }
        note(batch)
    }

    /// Begins the transaction and decides what it stores; if that is nothing, or fails, the transaction is undone.
    private func decideBatch(
        on session: Home.Session, _ decide: (any EngineView) throws(StoreError) -> Changes?
    ) throws(StoreError) -> StoredBatch? {
        do throws(StoreError) {
            let start = try metrics.time(.begin) { () throws(StoreError) in try session.beginBatch() }
            writer.oldest = start.head.oldestRef
            let view = session.batchView(from: start)
            try cache.catchUp(to: start.head, isLocked: true) { first, count, bytes throws(StoreError) in
                try view.events(from: first, limit: count, bytes: bytes)
            }
            if let changes = try decide(CachedView(view: view, cache: cache)) { return storedBatch(changes) }
            session.rollBack()
            return nil
        } catch {
            session.rollBack()
            throw error
        }
    }

    /// The writing session; a new one if the last has broken.
    private func writingSession() throws(StoreError) -> Home.Session {
        if let session = writer.session { return session }
        let session = try home.open(.writing)
        metrics.sessionOpened()
        cache.forget()
        writer.session = session
        connections.add(1, ordering: .releasing)
        return session
    }

    private func storedBatch(_ changes: Changes) -> StoredBatch {
        writer.batches += 1
        let announcement = Announcement(
            replica: presence.number, lastRef: changes.head.lastRef,
            nextDeadline: changes.earliestDeadline)
        return StoredBatch(
            changes: changes, records: changes.records, replica: presence.number, number: writer.batches,
            announcement: announcement.text)
    }

    /// Takes notice of what is stored, and tells the others.
    private func note(_ batch: StoredBatch) {
        let head = batch.changes.head
        writer.oldest = head.oldestRef
        cache.note(
            stored: batch.records, from: batch.changes.events.first?.ref.previous ?? head.lastRef, to: head.lastRef)
        if let time = batch.changes.forgetRequestsBefore { writer.forgetRequestsBefore = time }
        presence.announce(batch.announcement, upTo: head.lastRef)
        metrics.stored(events: batch.changes.events.count, upTo: head.lastRef)
    }

    /// Finds out what became of a batch whose commit was not answered. Returns if it is stored, else throws: that it
    /// may be run again, or that nothing is known.
    ///
    /// The lock on the head row makes sure that the lost transaction has ended, whichever way; and the look commits
    /// something of its own, so that what was found is as durable as any batch.
    private func settle(
        _ batch: StoredBatch, _ error: StoreError, _ patience: inout Patience
    ) throws(StoreError) {
        writer.drop(metrics)
        var unknown = error
        while true {
            let last: Int64?
            do throws(StoreError) {
                last = try writingSession().lastBatch(of: batch.replica)
            } catch {
                // Whatever kept it from being found out, even the lock: it is still open what became of the batch.
                writer.drop(metrics)
                unknown.message = error.message
                guard error.code == .unavailable || error.code == .storageBusy, patience.wait(after: error) else {
                    break
                }
                continue
            }
            // A row that is gone tells nothing.
            guard let last else { break }
            metrics.settled(last == batch.number ? "stored" : "undone")
            if last == batch.number { return note(batch) }
            throw StoreError(.storageBusy, "the batch was undone with its connection; try again", retry: .safe)
        }
        metrics.settled("unknown")
        throw unknown
    }
}
