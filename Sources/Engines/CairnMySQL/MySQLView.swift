internal import CairnKeyspace
internal import CairnModel
internal import CairnSQL

/// A transaction that reads one moment. It is opened together with its first query.
final class Snapshot {
    private let connection: Connection
    /// What opens the transaction, if that is still to be done.
    private var opening: SQL?
    /// Looks at the rows that opening it returns.
    private let check: (Row) throws(StoreError) -> Void

    init(
        _ connection: Connection, opening: SQL?, check: @escaping (Row) throws(StoreError) -> Void = { _ in }
    ) {
        self.connection = connection
        self.opening = opening
        self.check = check
    }

    /// Whether there was a query, and so is a transaction to end.
    var isOpen: Bool { opening == nil }

    /// Runs queries, and calls `row` with each row and the place of its query.
    func run(_ sql: SQL, _ row: (Int, Row) throws(StoreError) -> Void) throws(StoreError) {
        guard let opening else {
            try connection.run(sql, row)
            return
        }
        self.opening = nil
        let before = opening.count
        try connection.run(opening.followed(by: sql)) { (index, fields) throws(StoreError) in
            if index < before { try check(fields) } else { try row(index - before, fields) }
        }
    }

    /// Runs one query.
    func run(_ sql: SQL, _ row: (Row) throws(StoreError) -> Void) throws(StoreError) {
        try run(sql) { (_, fields) throws(StoreError) in try row(fields) }
    }

    var headIsGone: StoreError { connection.headIsGone }
}

/// The state of the tables at one moment.
struct MySQLView: EngineView {
    let snapshot: Snapshot
    let statements: Statements
    /// What a batch knows already.
    let start: BatchStart?
    let usesDatabaseClock: Bool

    func time() throws(StoreError) -> Timestamp? {
        guard usesDatabaseClock else { return nil }
        if let start { return start.time }
        var time: Timestamp?
        try snapshot.run(Statements.time) { time = Timestamp(microseconds: $0.integer(0)) }
        return time
    }

    func head() throws(StoreError) -> Head {
        if let start { return start.head }
        var head: Head?
        try snapshot.run(statements.head) { head = $0.head }
        guard let head else { throw snapshot.headIsGone }
        return head
    }

    // MARK: Records

    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        guard let query = statements.records(of: keys) else { return [:] }
        var found: [Key: Record] = [:]
        found.reserveCapacity(keys.count)
        try snapshot.run(query) { row in
            let record = row.record(withValue: true)
            found[record.key] = record
        }
        return found
    }

    func records(in range: KeyRange, limit: Int, bytes: Int, keysOnly: Bool) throws(StoreError) -> [Record] {
        if range.isEmpty || limit <= 0 { return [] }
        if keysOnly {
            var records: [Record] = []
            try snapshot.run(statements.records(in: range, limit: limit, valueBytes: nil)) { row in
                records.append(row.record(withValue: false))
            }
            return records
        }
        var page = Page<Record>(limit: limit, bytes: bytes)
        var rest = range
        while let count = page.nextCount {
            let query = statements.records(in: rest, limit: count, valueBytes: page.smallValueBytes)
            try snapshot.run(query) { row in
                page.add(row.record(withValue: true), valueBytes: row.integer(10), isComplete: !row.isNull(9))
            }
            page.endQuery(asked: count)
            if let last = page.entries.last { rest.lower = last.key.successor }
        }
        for piece in page.incomplete.pieces(of: Statements.keysAtOnce) {
            let stored = try records(piece.map { page.entries[$0].key })
            for place in piece { page.entries[place] = stored[page.entries[place].key] ?? page.entries[place] }
        }
        return page.entries
    }

    func recordsEver(in range: KeyRange, limit: Int) throws(StoreError) -> [Record] {
        if range.isEmpty || limit <= 0 { return [] }
        return try rows(statements.recordsEver(in: range, limit: limit)) { $0.record(withValue: false) }
    }

    func recordsWithoutValues(of keys: [Key]) throws(StoreError) -> [Key: Record] {
        guard let query = statements.records(of: keys, withValues: false) else { return [:] }
        var found: [Key: Record] = [:]
        found.reserveCapacity(keys.count)
        try snapshot.run(query) { row in
            let record = row.record(withValue: false)
            found[record.key] = record
        }
        return found
    }

    func keys(in ranges: [KeyRange], limit: Int) throws(StoreError) -> [Key] {
        var keys: [Key] = []
        for piece in ranges.pieces(of: Statements.keysAtOnce) where keys.count < limit {
            try snapshot.run(statements.keys(in: piece, limit: limit - keys.count)) {
                keys.append(Key(bytes: $0.bytes(0)))
            }
        }
        return keys
    }

    func keys(on leases: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]] {
        var found: [LeaseID: [Key]] = [:]
        for piece in Array(leases).pieces(of: Statements.keysAtOnce) {
            var all: SQL?
            for (lease, limit) in piece {
                let query = statements.keys(on: lease, limit: max(limit, 0))
                if all == nil { all = query } else { all?.then(query) }
            }
            guard let all else { continue }
            try snapshot.run(all) { row in
                found[LeaseID(row.integer(0)), default: []].append(Key(bytes: row.bytes(1)))
            }
        }
        return found
    }
}

// Leases, locks, the log, consumers and requests.
extension MySQLView {
    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease] {
        var found: [LeaseID: Lease] = [:]
        for piece in ids.pieces(of: Statements.keysAtOnce) {
            try snapshot.run(statements.leases(piece)) { row in
                let lease = row.lease
                found[lease.id] = lease
            }
        }
        return found
    }

    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease] {
        try rows(statements.leases(from: first, limit: max(limit, 0))) { $0.lease }
    }

    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease] {
        try rows(statements.leases(dueAt: time, limit: max(limit, 0))) { $0.lease }
    }

    private func rows<Element>(_ query: SQL, _ element: (Row) -> Element) throws(StoreError) -> [Element] {
        var rows: [Element] = []
        try snapshot.run(query) { rows.append(element($0)) }
        return rows
    }

    func locks(_ tokens: [Ref]) throws(StoreError) -> [Ref: Lock] {
        var found: [Ref: Lock] = [:]
        for piece in tokens.pieces(of: Statements.keysAtOnce) {
            for lock in try rows(statements.locks(piece), { $0.lock }) { found[lock.token] = lock }
        }
        return found
    }

    func locks(from first: Ref, limit: Int) throws(StoreError) -> [Lock] {
        try rows(statements.locks(from: first, limit: max(limit, 0))) { $0.lock }
    }

    func locks(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lock] {
        try rows(statements.locks(dueAt: time, limit: max(limit, 0))) { $0.lock }
    }

    func nextDeadline() throws(StoreError) -> Timestamp? {
        if let start { return start.nextDeadline }
        var deadline: Timestamp?
        try snapshot.run(statements.nextDeadline) { row in
            deadline = row.optionalInteger(0).map(Timestamp.init(microseconds:))
        }
        return deadline
    }

    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event] {
        var page = Page<Event>(limit: limit, bytes: bytes)
        var next = first
        while let count = page.nextCount {
            try snapshot.run(statements.events(from: next, limit: count, valueBytes: page.smallValueBytes)) { row in
                let size = row.optionalInteger(15)
                page.add(row.event, valueBytes: size ?? 0, isComplete: size == nil || !row.isNull(14))
            }
            page.endQuery(asked: count)
            if let last = page.entries.last { next = last.ref.next }
        }
        for piece in page.incomplete.pieces(of: Statements.keysAtOnce) {
            let places = Dictionary(uniqueKeysWithValues: piece.map { (page.entries[$0].ref, $0) })
            try snapshot.run(statements.eventValues(places.keys)) { row in
                if let place = places[Ref(row.integer(0))] { page.entries[place].value = row.value(kind: 1, bytes: 2) }
            }
        }
        return page.entries
    }

    func events(_ refs: [Ref]) throws(StoreError) -> [Ref: Event] {
        var found: [Ref: Event] = [:]
        for piece in refs.pieces(of: Statements.keysAtOnce) {
            for event in try rows(statements.events(piece), { $0.event }) { found[event.ref] = event }
        }
        return found
    }

    func consumer(_ name: String) throws(StoreError) -> Consumer? {
        var consumer: Consumer?
        try snapshot.run(statements.consumer(name)) { consumer = $0.consumer }
        return consumer
    }

    func consumers(_ names: [String]) throws(StoreError) -> [String: Consumer] {
        var found: [String: Consumer] = [:]
        for piece in names.pieces(of: Statements.keysAtOnce) {
            for consumer in try rows(statements.consumers(piece), { $0.consumer }) { found[consumer.name] = consumer }
        }
        return found
    }

    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer] {
        try rows(statements.consumers(after: name, limit: max(limit, 0))) { $0.consumer }
    }

    func result(of request: RequestID) throws(StoreError) -> TransactionResult? {
        var json: [UInt8] = []
        var time: Int64?
        try snapshot.run(statements.result(of: request)) { row in
            if time != row.integer(0) { json = [] }
            time = row.integer(0)
            json += row.bytes(1)
        }
        return time == nil ? nil : try StoredResult.decode(json)
    }
}

extension Statements {
    /// Queries for the records of any number of keys; `nil` for none.
    func records(of keys: [Key], withValues: Bool = true) -> SQL? {
        var all: SQL?
        for piece in keys.pieces(of: Statements.keysAtOnce) {
            let query = records(piece, withValues: withValues)
            if all == nil { all = query } else { all?.then(query) }
        }
        return all
    }
}
