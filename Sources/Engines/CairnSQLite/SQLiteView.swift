internal import CairnKeyspace
internal import CairnModel

/// The state of the file at one moment: that of a transaction that is open on a connection.
struct SQLiteView: EngineView {
    let statements: ReadStatements
    let cache: CoherentCache?
    let source: Source

    /// Where the view may look besides the file.
    enum Source {
        /// A batch: it holds the write lock, knows the head, and the cache is in step.
        case batch(Head)
        /// A read that began when the header of the WAL-index was this, if the VFS tells.
        case read(WALStamp?)
    }

    func head() throws(StoreError) -> Head {
        if case .batch(let head) = source { return head }
        return try statements.storedHead()
    }

    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        var found: [Key: Record] = [:]
        found.reserveCapacity(keys.count)
        for key in keys {
            if let record = try record(key) { found[key] = record }
        }
        return found
    }

    func recordsWithoutValues(of keys: [Key]) throws(StoreError) -> [Key: Record] {
        var found: [Key: Record] = [:]
        found.reserveCapacity(keys.count)
        let statement = statements.recordWithoutValue
        for key in keys {
            if case .batch = source, let entry = cache?.entry(key) {
                found[key] = entry
                continue
            }
            try statement.bind(1, key.bytes) { () throws(StoreError) in
                defer { statement.reset() }
                if try statement.step() { found[key] = statement.record(withValue: false) }
            }
        }
        return found
    }

    func forEachRecord(of keys: [Key], _ body: (Key, Record?) -> Void) throws(StoreError) {
        for key in keys { body(key, try record(key)) }
    }

    private func record(_ key: Key) throws(StoreError) -> Record? {
        guard let cache else { return try statements.storedRecord(key) }
        switch source {
        case .batch:
            if let entry = cache.entry(key) { return entry }
            let record = try statements.storedRecord(key)
            // Nobody else can commit now, so the header of this moment stands for what was read.
            cache.fill(record, for: key, readAt: cache.stamp())
            return record
        case .read(let stamp):
            let record = try statements.storedRecord(key)
            if let stamp { cache.fill(record, for: key, readAt: stamp) }
            return record
        }
    }

    func records(
        in range: KeyRange,
        limit: Int,
        bytes: Int,
        keysOnly: Bool
    ) throws(StoreError) -> [Record] {
        if keysOnly { return try page(in: range, statements.keys, statements.keysToEnd, limit: limit) }
        return try page(in: range, statements.records, statements.recordsToEnd, limit: limit, bytes: bytes)
    }

    func recordsEver(in range: KeyRange, limit: Int) throws(StoreError) -> [Record] {
        try page(in: range, statements.everKeys, statements.everKeysToEnd, limit: limit)
    }

    /// A page of a range by one of two statements; without `bytes`, of records without their values.
    private func page(
        in range: KeyRange, _ bounded: Statement, _ toEnd: Statement, limit: Int, bytes: Int? = nil
    ) throws(StoreError) -> [Record] {
        if range.isEmpty || limit <= 0 { return [] }
        let statement = range.upper == nil ? toEnd : bounded
        return try statement.bind(1, range.lower.bytes) { () throws(StoreError) in
            guard let upper = range.upper else { return try page(of: statement, limit: limit, bytes: bytes) }
            return try statement.bind(2, upper.bytes) { () throws(StoreError) in
                try page(of: statement, limit: limit, bytes: bytes)
            }
        }
    }

    private func page(of statement: Statement, limit: Int, bytes: Int?) throws(StoreError) -> [Record] {
        statement.bind(3, Int64(limit))
        defer { statement.reset() }
        var records: [Record] = []
        var total = 0
        while try statement.step() {
            guard let bytes else {
                records.append(statement.record(withValue: false))
                continue
            }
            total += statement.byteCount(9)
            if total > bytes && !records.isEmpty { break }
            records.append(statement.record(withValue: true))
        }
        return records
    }

    func keys(on leases: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]] {
        var found: [LeaseID: [Key]] = [:]
        for (lease, limit) in leases {
            statements.keysOnLease.bind(1, lease.rawValue)
            found[lease] = try rows(of: statements.keysOnLease, limit: limit) { Key(bytes: $0.bytes(0)) }
        }
        return found
    }
}

// Leases, locks, the log, consumers and requests.
extension SQLiteView {
    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease] {
        var found: [LeaseID: Lease] = [:]
        let statement = statements.lease
        for id in ids {
            defer { statement.reset() }
            statement.bind(1, id.rawValue)
            if try statement.step() { found[id] = statement.lease }
        }
        return found
    }

    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease] {
        statements.leases.bind(1, first.rawValue)
        return try rows(of: statements.leases, limit: limit) { $0.lease }
    }

    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease] {
        statements.leasesDue.bind(1, time.rawValue)
        return try rows(of: statements.leasesDue, limit: limit) { $0.lease }
    }

    /// The first rows of a statement whose second parameter is how many.
    private func rows<Row>(
        of statement: Statement, limit: Int, _ row: (Statement) -> Row
    ) throws(StoreError) -> [Row] {
        statement.bind(2, Int64(max(limit, 0)))
        defer { statement.reset() }
        var rows: [Row] = []
        while try statement.step() { rows.append(row(statement)) }
        return rows
    }

    func locks(_ tokens: [Ref]) throws(StoreError) -> [Ref: Lock] {
        var found: [Ref: Lock] = [:]
        let statement = statements.lock
        for token in tokens {
            defer { statement.reset() }
            statement.bind(1, token.rawValue)
            if try statement.step() { found[token] = statement.lock }
        }
        return found
    }

    func locks(from first: Ref, limit: Int) throws(StoreError) -> [Lock] {
        statements.locks.bind(1, first.rawValue)
        return try rows(of: statements.locks, limit: limit) { $0.lock }
    }

    func locks(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lock] {
        statements.locksDue.bind(1, time.rawValue)
        return try rows(of: statements.locksDue, limit: limit) { $0.lock }
    }

    func nextDeadline() throws(StoreError) -> Timestamp? {
        let statement = statements.nextDeadline
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return statement.optionalInteger(0).map(Timestamp.init(microseconds:))
    }

    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event] {
        let statement = statements.events
        statement.bind(1, first.rawValue)
        statement.bind(2, Int64(max(limit, 0)))
        defer { statement.reset() }
        var events: [Event] = []
        var total = 0
        while try statement.step() {
            total += statement.byteCount(14)
            if total > bytes && !events.isEmpty { break }
            events.append(statement.event)
        }
        return events
    }

    func consumer(_ name: String) throws(StoreError) -> Consumer? {
        let statement = statements.consumer
        statement.bind(1, name)
        defer { statement.reset() }
        return try statement.step() ? statement.consumer : nil
    }

    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer] {
        statements.consumers.bind(1, name)
        return try rows(of: statements.consumers, limit: limit) { $0.consumer }
    }

    func result(of request: RequestID) throws(StoreError) -> TransactionResult? {
        let statement = statements.result
        let stored = try statement.bind(1, request.bytes) { () throws(StoreError) -> [UInt8]? in
            defer { statement.reset() }
            return try statement.step() ? statement.bytes(0) : nil
        }
        return try stored.map { json throws(StoreError) in try StoredResult.decode(json) }
    }
}

extension ReadStatements {
    /// The head as the file has it.
    func storedHead() throws(StoreError) -> Head {
        defer { head.reset() }
        guard try head.step() else {
            throw StoreError(.corrupted, "the table head of the store is empty; restore a backup")
        }
        return Head(
            lastRef: Ref(head.integer(0)),
            oldestRef: Ref(head.integer(1)),
            lastLeaseID: LeaseID(head.integer(2)),
            time: Timestamp(microseconds: head.integer(3))
        )
    }

    /// The record of a key as the file has it.
    func storedRecord(_ key: Key) throws(StoreError) -> Record? {
        try record.bind(1, key.bytes) { () throws(StoreError) -> Record? in
            defer { record.reset() }
            return try record.step() ? record.record(withValue: true) : nil
        }
    }
}
