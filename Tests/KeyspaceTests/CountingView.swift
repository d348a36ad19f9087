import CairnKeyspace
import CairnModel

/// What was asked of a view.
final class ViewCounts {
    /// Questions; each is a round trip on a database server.
    var questions = 0
    /// Records, keys and the like that were answered.
    var rows = 0
    var records = 0
}

/// A view that counts what it is asked.
struct CountingView: EngineView {
    let view: any EngineView
    let counts: ViewCounts

    private func note<Rows: Collection>(
        _ ask: () throws(StoreError) -> Rows
    ) throws(StoreError) -> Rows {
        let rows = try ask()
        counts.questions += 1
        counts.rows += rows.count
        return rows
    }

    func time() throws(StoreError) -> Timestamp? { try view.time() }
    func head() throws(StoreError) -> Head { try view.head() }
    func liveKeys() throws(StoreError) -> Int? { try view.liveKeys() }
    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        counts.records += keys.count
        return try note { () throws(StoreError) in try view.records(keys) }
    }
    func forEachRecord(of keys: [Key], _ body: (Key, Record?) -> Void) throws(StoreError) {
        if keys.isEmpty { return }
        let found = try records(keys)
        for key in keys { body(key, found[key]) }
    }
    func recordsWithoutValues(of keys: [Key]) throws(StoreError) -> [Key: Record] {
        try note { () throws(StoreError) in try view.recordsWithoutValues(of: keys) }
    }
    func records(in range: KeyRange, limit: Int, bytes: Int, keysOnly: Bool) throws(StoreError) -> [Record] {
        try note { () throws(StoreError) in
            try view.records(in: range, limit: limit, bytes: bytes, keysOnly: keysOnly)
        }
    }
    func recordsEver(in range: KeyRange, limit: Int) throws(StoreError) -> [Record] {
        try note { () throws(StoreError) in try view.recordsEver(in: range, limit: limit) }
    }
    func keys(in ranges: [KeyRange], limit: Int) throws(StoreError) -> [Key] {
        try note { () throws(StoreError) in try view.keys(in: ranges, limit: limit) }
    }
    func keys(on leases: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]] {
        let found = try note { () throws(StoreError) in try view.keys(on: leases) }
        counts.rows += found.values.reduce(0) { $0 + $1.count }
        return found
    }
    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease] {
        try note { () throws(StoreError) in try view.leases(ids) }
    }
    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease] {
        try note { () throws(StoreError) in try view.leases(from: first, limit: limit) }
    }
    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease] {
        try note { () throws(StoreError) in try view.leases(dueAt: time, limit: limit) }
    }
    func locks(_ tokens: [Ref]) throws(StoreError) -> [Ref: Lock] {
        try note { () throws(StoreError) in try view.locks(tokens) }
    }
    func locks(from first: Ref, limit: Int) throws(StoreError) -> [Lock] {
        try note { () throws(StoreError) in try view.locks(from: first, limit: limit) }
    }
    func locks(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lock] {
        try note { () throws(StoreError) in try view.locks(dueAt: time, limit: limit) }
    }
    func nextDeadline() throws(StoreError) -> Timestamp? { try view.nextDeadline() }
    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event] {
        try note { () throws(StoreError) in try view.events(from: first, limit: limit, bytes: bytes) }
    }
    func consumer(_ name: String) throws(StoreError) -> Consumer? {
        counts.questions += 1
        return try view.consumer(name)
    }
    func consumers(_ names: [String]) throws(StoreError) -> [String: Consumer] {
        try note { () throws(StoreError) in try view.consumers(names) }
    }
    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer] {
        try note { () throws(StoreError) in try view.consumers(after: name, limit: limit) }
    }
    func result(of request: RequestID) throws(StoreError) -> TransactionResult? {
        counts.questions += 1
        return try view.result(of: request)
    }
}
