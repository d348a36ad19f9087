internal import CairnKeyspace
internal import CairnModel
internal import CairnSQL

/// The state of the home at one moment: that of the transaction that is open on a connection.
struct PostgresView: EngineView {
    let connection: Connection
    let statements: ViewStatements
    let usesClock: Bool
    /// What a batch knows already; `nil` in a view that belongs to none.
    let start: BatchStart?

    /// How many rows of a table are read in one round trip, so that neither side holds many it doesn't need.
    static let pageRows = 2_000

    func time() throws(StoreError) -> Timestamp? {
        guard usesClock else { return nil }
        if let start { return start.time }
        return Timestamp(microseconds: try connection.run(Call(Statements.time)).integer(0, 0))
    }

    func head() throws(StoreError) -> Head {
        if let start { return start.head }
        return try connection.run(Call(statements.head)).head()
    }

    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        if keys.isEmpty { return [:] }
        let rows = try run(statements.records) { $0.add(array: keys.lazy.map(\.bytes)) }
        var found: [Key: Record] = [:]
        found.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            let record = rows.record(row, withValue: true)
            found[record.key] = record
        }
        return found
    }

    func records(
        in range: KeyRange, limit: Int, bytes: Int, keysOnly: Bool
    ) throws(StoreError) -> [Record] {
        if keysOnly { return try page(in: range, statements.keys, statements.keysToEnd, limit: limit) }
        return try page(in: range, statements.page, statements.pageToEnd, limit: limit, bytes: bytes)
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
        var records: [Record] = []
        var budget = ByteBudget(bytes ?? .max)
        while records.count < limit {
            let count = min(limit - records.count, PostgresView.pageRows)
            let lower = records.last?.key.successor ?? range.lower
            let rows = try run(statement) { parameters in
                parameters.add(lower.bytes)
                if let upper = range.upper { parameters.add(upper.bytes) } else { parameters.addNull() }
                parameters.add(Int64(count))
                if bytes != nil { parameters.add(budget.left) }
            }
            for row in 0..<rows.count {
                guard bytes == nil || budget.take(rows.byteCount(row, 9)) else { return records }
                records.append(rows.record(row, withValue: bytes != nil))
            }
            if rows.count < count { break }
        }
        return records
    }

    func recordsWithoutValues(of keys: [Key]) throws(StoreError) -> [Key: Record] {
        if keys.isEmpty { return [:] }
        let rows = try run(statements.recordsWithoutValues) { $0.add(array: keys.lazy.map(\.bytes)) }
        var found: [Key: Record] = [:]
        found.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            let record = rows.record(row, withValue: false)
            found[record.key] = record
        }
        return found
    }

    /// Asks for all ranges in one round trip, for few keys of each at first; for more only of those that have them.
    func keys(in ranges: [KeyRange], limit: Int) throws(StoreError) -> [Key] {
        var found = ranges.map { (rest: $0.isEmpty ? nil : $0 as KeyRange?, keys: [Key]()) }
        var share = ranges.isEmpty ? 0 : 2 * limit / ranges.count + 1
        while true {
            // Up to the first range of which there is more, what was found is all there is.
            let open = found.firstIndex { $0.rest != nil }
            let keys = found.prefix(open.map { $0 + 1 } ?? found.count).flatMap(\.keys)
            if open == nil || keys.count >= limit { return Array(keys.prefix(max(limit, 0))) }
            let asked = found.indices.filter { found[$0].rest != nil }
            let count = min(share, limit)
            let calls = asked.compactMap { found[$0].rest }.map { keysCall($0, limit: count) }
            for (place, rows) in zip(asked, try connection.run(calls)) {
                for row in 0..<rows.count { found[place].keys.append(Key(bytes: rows.bytes(row, 0))) }
                guard rows.count == count, let last = found[place].keys.last else {
                    found[place].rest = nil
                    continue
                }
                found[place].rest?.lower = last.successor
            }
            share *= 2
        }
    }

    private func keysCall(_ range: KeyRange, limit: Int) -> Call {
        Call(
            range.upper == nil ? statements.keysToEnd : statements.keys,
            Parameters { parameters in
                parameters.add(range.lower.bytes)
                if let upper = range.upper { parameters.add(upper.bytes) } else { parameters.addNull() }
                parameters.add(Int64(limit))
            })
    }

    func keys(on leases: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]] {
        if leases.isEmpty { return [:] }
        let rows = try run(statements.keysOnLeases) { parameters in
            parameters.add(array: leases.keys.lazy.map(\.rawValue))
            parameters.add(array: leases.values.lazy.map { Int64(max($0, 0)) })
        }
        var found: [LeaseID: [Key]] = [:]
        for row in 0..<rows.count {
            found[LeaseID(rows.integer(row, 0)), default: []].append(Key(bytes: rows.bytes(row, 1)))
        }
        return found
    }

    private func run(
        _ statement: Statement, _ fill: (inout Parameters) -> Void
    ) throws(StoreError) -> Rows {
        try connection.run(Call(statement, Parameters(fill)))
    }
}

// Leases, locks, the log, consumers and requests.
extension PostgresView {
    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease] {
        if ids.isEmpty { return [:] }
        let rows = try run(statements.leases) { $0.add(array: ids.lazy.map(\.rawValue)) }
        var found: [LeaseID: Lease] = [:]
        for row in 0..<rows.count {
            let lease = rows.lease(row)
            found[lease.id] = lease
        }
        return found
    }

    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease] {
        try rows(statements.leasesFrom, first.rawValue, limit) { $0.lease($1) }
    }

    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease] {
        // Each batch asks, and most know the answer from how they began.
        if let start, start.nextDeadline.map({ $0 > time }) ?? true { return [] }
        return try rows(statements.leasesDue, time.rawValue, limit) { $0.lease($1) }
    }

    /// The first rows of a statement from a bound on.
    private func rows<Row>(
        _ statement: Statement, _ bound: Int64, _ limit: Int, _ row: (Rows, Int) -> Row
    ) throws(StoreError) -> [Row] {
        let rows = try run(statement) { parameters in
            parameters.add(bound)
            parameters.add(Int64(max(limit, 0)))
        }
        return (0..<rows.count).map { row(rows, $0) }
    }

    func locks(_ tokens: [Ref]) throws(StoreError) -> [Ref: Lock] {
        if tokens.isEmpty { return [:] }
        let rows = try run(statements.locks) { $0.add(array: tokens.lazy.map(\.rawValue)) }
        var found: [Ref: Lock] = [:]
        for row in 0..<rows.count {
            let lock = rows.lock(row)
            found[lock.token] = lock
        }
        return found
    }

    func locks(from first: Ref, limit: Int) throws(StoreError) -> [Lock] {
        try rows(statements.locksFrom, first.rawValue, limit) { $0.lock($1) }
    }

    func locks(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lock] {
        if let start, start.nextDeadline.map({ $0 > time }) ?? true { return [] }
        return try rows(statements.locksDue, time.rawValue, limit) { $0.lock($1) }
    }

    func nextDeadline() throws(StoreError) -> Timestamp? {
        if let start { return start.nextDeadline }
        let rows = try connection.run(Call(statements.nextDeadline))
        return rows.optionalInteger(0, 0).map(Timestamp.init(microseconds:))
    }

    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event] {
        var events: [Event] = []
        var budget = ByteBudget(bytes)
        while events.count < limit {
            let count = min(limit - events.count, PostgresView.pageRows)
            let rows = try run(statements.events) { parameters in
                parameters.add((events.last?.ref.next ?? first).rawValue)
                parameters.addNull()
                parameters.add(Int64(count))
                parameters.add(budget.left)
            }
            for row in 0..<rows.count {
                guard budget.take(rows.byteCount(row, 14)) else { return events }
                events.append(rows.event(row))
            }
            if rows.count < count { break }
        }
        return events
    }

    func events(_ refs: [Ref]) throws(StoreError) -> [Ref: Event] {
        if refs.isEmpty { return [:] }
        let rows = try run(statements.eventsByRef) { $0.add(array: refs.lazy.map(\.rawValue)) }
        var found: [Ref: Event] = [:]
        for row in 0..<rows.count {
            let event = rows.event(row)
            found[event.ref] = event
        }
        return found
    }

    func consumer(_ name: String) throws(StoreError) -> Consumer? {
        let rows = try run(statements.consumer) { $0.add(Array(name.utf8)) }
        return rows.count == 1 ? rows.consumer(0) : nil
    }

    func consumers(_ names: [String]) throws(StoreError) -> [String: Consumer] {
        if names.isEmpty { return [:] }
        let rows = try run(statements.consumersByName) { $0.add(array: names.lazy.map { Array($0.utf8) }) }
        var found: [String: Consumer] = [:]
        for row in 0..<rows.count {
            let consumer = rows.consumer(row)
            found[consumer.name] = consumer
        }
        return found
    }

    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer] {
        let rows = try run(statements.consumers) { parameters in
            parameters.add(Array(name.utf8))
            parameters.add(Int64(max(limit, 0)))
        }
        return (0..<rows.count).map { rows.consumer($0) }
    }

    func result(of request: RequestID) throws(StoreError) -> TransactionResult? {
        let rows = try run(statements.result) { $0.add(request.bytes) }
        return rows.count == 1 ? try StoredResult.decode(rows.bytes(0, 0)) : nil
    }
}

/// What a page of values may still take. The first value is taken whatever its size.
private struct ByteBudget {
    private(set) var left: Int64
    private var isFresh = true

    init(_ bytes: Int) { left = Int64(max(bytes, 0)) }

    /// Whether a value still fits.
    mutating func take(_ bytes: Int) -> Bool {
        defer { isFresh = false }
        guard isFresh || Int64(bytes) <= left else { return false }
        left = max(left - Int64(bytes), 0)
        return true
    }
}
