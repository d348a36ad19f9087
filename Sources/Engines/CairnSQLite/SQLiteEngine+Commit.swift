public import CairnKeyspace
public import CairnModel
internal import GRDBSQLite

// Writing. One batch is one transaction: BEGIN IMMEDIATE takes the write lock of the file, COMMIT syncs the log.

extension SQLiteEngine {
    /// Runs one batch as one transaction of SQLite.
    public func commit(
        _ decide: (any EngineView) throws(StoreError) -> Changes?
    ) throws(StoreError) {
        try writer.writing.begin.run()
        let before: Head
        let base: WALStamp?
        let changes: Changes
        let records: [Record]
        do throws(StoreError) {
            base = try catchUp()
            before = writer.head
            let trusted = cache.flatMap { $0.isInStep ? $0 : nil }
            let view = SQLiteView(statements: writer.reading, cache: trusted, source: .batch(before))
            guard let decided = try decide(view) else {
                writer.rollBack()
                return
            }
            changes = decided
            records = changes.records
            try store(changes, records)
        } catch {
            writer.rollBack()
            throw error
        }
        do throws(StoreError) {
            try writer.reading.commit.run()
        } catch {
            try settle(changes, before: before, after: error)
        }
        // Another process may have committed right after us. Then the header is not ours, and the next batch looks
        // anew.
        let now = index?.stamp()
        writer.head = changes.head
        // Left to `trim`, which doesn't keep anybody waiting.
        if let time = changes.forgetRequestsBefore { writer.forgetRequestsBefore = time }
        writer.stamp = if let base, let now, now.directlyFollows(base) { now } else { nil }
        cache?.apply(records, from: before.lastRef, to: changes.head.lastRef, leaving: writer.stamp)
        checkpointer.afterCommit(index, options, on: writer)
    }

    /// Sees to it that the head and the cache reflect what others committed. To be called with the write lock held, so
    /// that nobody commits meanwhile. Returns the header of the log, if there is one to be had.
    ///
    /// If the cache can't be brought into step, because readers move it at the same time, the batch goes without it.
    private func catchUp() throws(StoreError) -> WALStamp? {
        guard let index else {
            try checkVersion()
            writer.head = try writer.reading.storedHead()
            return nil
        }
        let stamp = index.stamp()
        if writer.stamp != stamp {
            try checkVersion()
            writer.head = try writer.reading.storedHead()
            writer.stamp = stamp
        }
        guard let cache else { return stamp }
        let view = SQLiteView(statements: writer.reading, cache: nil, source: .read(nil))
        for _ in 0..<3 where !cache.isInStep {
            try cache.catchUp(to: writer.head, at: stamp, limit: 10_000, mayClear: true) {
                first,
                count throws(StoreError) in
                try view.events(from: first, limit: count, bytes: 64 << 20)
            }
        }
        return stamp
    }

    private func store(_ changes: Changes, _ records: [Record]) throws(StoreError) {
        let statements = writer.writing
        for event in changes.events { try statements.insert(event) }
        for record in records { try statements.put(record) }
        for (id, lease) in changes.leases { try statements.put(lease, for: id) }
        for (token, lock) in changes.locks { try statements.put(lock, for: token) }
        for (name, consumer) in changes.consumers { try statements.put(consumer, for: name) }
        for (request, result) in changes.results { try statements.put(result, for: request, at: changes.head.time) }
        try statements.put(changes.head)
    }

    /// Finds out what became of a batch whose COMMIT failed. Returns if it is stored after all, else throws.
    ///
    /// SQLite makes a commit visible as its very last step, so a COMMIT that fails has changed nothing that anyone
    /// can see. But if the sync of the log was what failed, the whole batch may lie in the log, and would count after
    /// a crash. Another small commit overwrites the beginning of it, and that makes it void; if that is not possible
    /// either, the outcome is unknown.
    private func settle(_ changes: Changes, before: Head, after error: StoreError) throws(StoreError) {
        writer.rollBack()
        writer.stamp = nil
        cache?.forget()
        if error.nativeCode & 0xFF == SQLITE_BUSY
            || error.code == .storageFull && error.nativeCode & 0xFF == SQLITE_FULL
        {
            throw error
        }
        var isKnown = false
        var isStored = false
        do throws(StoreError) {
            isStored = try holds(changes, before: before)
            if !isStored {
                try writer.writing.begin.run()
                // It writes the number again.
                try checkVersion()
                try writer.writing.touch.run()
                try writer.reading.commit.run()
            }
            isKnown = true
        } catch {
            writer.rollBack()
        }
        if isStored { return }
        var error = error
        error.retry = isKnown ? .safe : .unknownOutcome
        throw error
    }

    /// Whether the file holds what this batch would have stored.
    private func holds(_ changes: Changes, before: Head) throws(StoreError) -> Bool {
        let head = try writer.reading.storedHead()
        writer.head = head
        guard let last = changes.events.last else { return head == changes.head && head != before }
        let view = SQLiteView(statements: writer.reading, cache: nil, source: .read(nil))
        return try view.events(from: last.ref, limit: 1, bytes: .max).first == last
    }

    /// Deletes events that compaction has released and requests that are past their window, some thousands at a time.
    public func trim() throws(StoreError) -> Bool {
        let piece = 2_000
        let hasEvents = try hasReleasedEvents()
        // Looking costs nothing; the lock is taken only if there is something to do.
        guard hasEvents || writer.forgetRequestsBefore != nil else { return false }
        let statements = writer.writing
        try statements.begin.run()
        do throws(StoreError) {
            try checkVersion()
            var isMoreEvents = false
            if hasEvents {
                statements.trim.bind(1, Int64(piece))
                try statements.trim.run()
                isMoreEvents = statements.trim.changes == piece
            }
            var isMoreRequests = false
            if let time = writer.forgetRequestsBefore {
                statements.forgetRequests.bind(1, time.rawValue)
                statements.forgetRequests.bind(2, Int64(piece))
                try statements.forgetRequests.run()
                isMoreRequests = statements.forgetRequests.changes == piece
            }
            try writer.reading.commit.run()
            if !isMoreRequests { writer.forgetRequestsBefore = nil }
            checkpointer.afterCommit(index, options, on: writer)
            return isMoreEvents || isMoreRequests
        } catch {
            writer.rollBack()
            throw error
        }
    }

    /// Whether there are events that compaction has released.
    private func hasReleasedEvents() throws(StoreError) -> Bool {
        let head = try writer.reading.storedHead()
        return try writer.reading.firstEvent() ?? head.oldestRef < head.oldestRef
    }
}

extension ReadStatements {
    /// The first event that the file still has.
    fileprivate func firstEvent() throws(StoreError) -> Ref? {
        events.bind(1, 0)
        events.bind(2, 1)
        defer { events.reset() }
        return try events.step() ? Ref(events.integer(0)) : nil
    }
}

extension WriteStatements {
    fileprivate func insert(_ event: Event) throws(StoreError) {
        let insert = self.event
        insert.bind(1, event.ref.rawValue)
        insert.bind(2, Int64(event.kind.rawValue))
        insert.bind(4, event.version)
        insert.bind(5, event.leaseID.rawValue)
        insert.bind(6, event.createdRef.rawValue)
        insert.bind(7, event.createdVersion)
        insert.bind(8, event.previousRef?.rawValue)
        insert.bind(9, event.time.rawValue)
        insert.bind(10, event.clientID)
        insert.bind(11, Int64(event.transactionIndex))
        insert.bind(12, Int64(event.transactionCount))
        insert.bind(13, event.lockToken.rawValue)
        insert.bind(14, Int64(event.value?.kind.rawValue ?? 0))
        try insert.bind(3, event.key.bytes) { () throws(StoreError) in
            try insert.bind(15, optional: event.value?.bytes) { () throws(StoreError) in try insert.run() }
        }
    }

    fileprivate func put(_ record: Record) throws(StoreError) {
        // A live record that was not just created most likely is on the lease it was on before.
        if record.isLive, record.createdRef != record.updatedRef {
            update.bind(2, record.version)
            update.bind(3, record.updatedRef.rawValue)
            update.bind(4, Int64(record.value.kind.rawValue))
            update.bind(6, record.leaseID.rawValue)
            update.bind(7, record.lockToken.rawValue)
            try update.bind(1, record.key.bytes) { () throws(StoreError) in
                try update.bind(5, record.value.bytes) { () throws(StoreError) in try update.run() }
            }
            if update.changes == 1 { return }
        }
        upsert.bind(2, record.version)
        upsert.bind(3, record.createdVersion)
        upsert.bind(4, record.createdRef.rawValue)
        upsert.bind(5, record.updatedRef.rawValue)
        upsert.bind(6, record.deletedRef?.rawValue)
        upsert.bind(7, record.leaseID.rawValue)
        upsert.bind(8, record.lockToken.rawValue)
        upsert.bind(9, Int64(record.value.kind.rawValue))
        try upsert.bind(1, record.key.bytes) { () throws(StoreError) in
            try upsert.bind(10, optional: record.isLive ? record.value.bytes : nil) { () throws(StoreError) in
                try upsert.run()
            }
        }
    }

    fileprivate func put(_ lease: Lease?, for id: LeaseID) throws(StoreError) {
        guard let stored = lease else {
            deleteLease.bind(1, id.rawValue)
            return try deleteLease.run()
        }
        self.lease.bind(1, id.rawValue)
        self.lease.bind(2, stored.deadline?.rawValue)
        self.lease.bind(3, stored.duration?.microseconds)
        self.lease.bind(4, stored.isGranted ? 1 : 0)
        try self.lease.run()
    }

    fileprivate func put(_ lock: Lock?, for token: Ref) throws(StoreError) {
        guard let stored = lock else {
            deleteLock.bind(1, token.rawValue)
            return try deleteLock.run()
        }
        self.lock.bind(1, token.rawValue)
        self.lock.bind(3, stored.owner)
        self.lock.bind(4, Int64(stored.mode.rawValue))
        self.lock.bind(5, stored.deadline.rawValue)
        self.lock.bind(6, stored.duration.microseconds)
        try self.lock.bind(2, stored.key.bytes) { () throws(StoreError) in try self.lock.run() }
    }

    fileprivate func put(_ consumer: Consumer?, for name: String) throws(StoreError) {
        guard let stored = consumer else {
            deleteConsumer.bind(1, name)
            return try deleteConsumer.run()
        }
        self.consumer.bind(1, stored.name)
        self.consumer.bind(2, stored.cursor.rawValue)
        self.consumer.bind(3, stored.updatedAt.rawValue)
        try self.consumer.run()
    }

    fileprivate func put(
        _ result: TransactionResult,
        for id: RequestID,
        at time: Timestamp
    ) throws(StoreError) {
        request.bind(2, time.rawValue)
        request.bind(3, StoredResult.encode(result))
        try request.bind(1, id.bytes) { () throws(StoreError) in try request.run() }
    }

    fileprivate func put(_ head: Head) throws(StoreError) {
        self.head.bind(1, head.lastRef.rawValue)
        self.head.bind(2, head.oldestRef.rawValue)
        self.head.bind(3, head.lastLeaseID.rawValue)
        self.head.bind(4, head.time.rawValue)
        try self.head.run()
    }
}
