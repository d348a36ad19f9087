import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestWaits
import Dispatch
import Synchronization

@testable import CairnSQL

/// A connection to a ``FakeDatabase``.
final class FakeSession: ServerSession {
    private let database: FakeDatabase
    private let broken = Atomic<Bool>(false)
    private let holdsLock = Atomic<Bool>(false)

    init(_ database: FakeDatabase) { self.database = database }

    var isBroken: Bool { broken.load(ordering: .relaxed) }

    private func reach() throws(StoreError) {
        do throws(StoreError) {
            if isBroken { throw FakeDatabase.away }
            try database.reach()
        } catch {
            broken.store(true, ordering: .relaxed)
            throw error
        }
    }

    private func lock() throws(StoreError) {
        // It may have been taken for a batch that follows.
        if holdsLock.exchange(true, ordering: .relaxed) { return }
        guard database.headLock.passes() else { throw StoreError(.storageBusy, "nobody lets go of the head row") }
    }

    private func unlock() {
        if holdsLock.exchange(false, ordering: .relaxed) { database.headLock.open() }
    }

    func beginBatch() throws(StoreError) -> BatchStart {
        try reach()
        try lock()
        let tables = database.tables
        let time = database.state.withLock { $0.time }
        return try tables.read { (view) throws(StoreError) in
            BatchStart(head: try view.head(), time: time, nextDeadline: try view.nextDeadline())
        }
    }

    func batchView(from start: BatchStart) -> any EngineView {
        FakeView(database: database, now: start.time)
    }

    func commit(_ batch: StoredBatch, isFollowed: Bool) throws(StoreError) {
        defer { if !isFollowed || isBroken { unlock() } }
        try reach()
        database.state.withLock { $0.commits += 1 }
        switch database.nextFate() {
        case .refused(let error): throw error
        case .lostUnheard:
            broken.store(true, ordering: .relaxed)
            throw FakeDatabase.connectionLost
        case .storedUnheard:
            try store(batch)
            broken.store(true, ordering: .relaxed)
            throw FakeDatabase.connectionLost
        case nil: try store(batch)
        }
    }

    private func store(_ batch: StoredBatch) throws(StoreError) {
        try database.tables.commit { (_) throws(StoreError) in batch.changes }
        database.state.withLock { $0.lastBatches[batch.replica] = batch.number }
        database.notify(batch.announcement)
    }

    func rollBack() { unlock() }
    func callOff() { unlock() }

    func withSnapshot<Result>(
        _ body: (any EngineView) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try reach()
        return try body(FakeView(database: database, now: database.state.withLock { $0.time }))
    }

    func head() throws(StoreError) -> Head {
        try reach()
        return try database.tables.read { (view) throws(StoreError) in try view.head() }
    }

    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        try reach()
        return try database.tables.lookUp(keys)
    }

    func join(_ replica: ReplicaID, address: String) throws(StoreError) -> Int64 {
        try reach()
        return database.state.withLock { state in
            defer { state.nextNumber += 1 }
            state.replicas[state.nextNumber] = address
            return state.nextNumber
        }
    }

    func beat(_ number: Int64) throws(StoreError) -> HomeState {
        try reach()
        defer { database.noteBeat() }
        let head = try database.tables.read { (view) throws(StoreError) in (try view.head(), try view.nextDeadline()) }
        return database.state.withLock { state in
            HomeState(
                head: head.0, time: state.time, nextDeadline: head.1,
                replicas: state.replicas.filter { !state.silent.contains($0.key) }
                    .map { Replica(number: $0.key, address: $0.value) })
        }
    }

    func leave(_ number: Int64) throws(StoreError) {
        try reach()
        database.state.withLock { $0.replicas[number] = nil }
    }

    func lastBatch(of number: Int64) throws(StoreError) -> Int64? {
        try reach()
        try lock()
        defer { unlock() }
        return database.state.withLock { $0.replicas[number] == nil ? nil : $0.lastBatches[number] ?? 0 }
    }

    func trim(requestsBefore time: Timestamp?, limit: Int) throws(StoreError) -> Bool {
        try reach()
        return try database.tables.trim()
    }

    func close() { unlock() }
}

/// The tables as they are, with the database's time.
struct FakeView: EngineView {
    let database: FakeDatabase
    let now: Timestamp

    private func ask<Result>(_ body: (any EngineView) throws(StoreError) -> Result) throws(StoreError) -> Result {
        try database.tables.read(body)
    }

    func time() throws(StoreError) -> Timestamp? { now }
    func head() throws(StoreError) -> Head { try ask { (view) throws(StoreError) in try view.head() } }
    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        try ask { (view) throws(StoreError) in try view.records(keys) }
    }
    func records(in range: KeyRange, limit: Int, bytes: Int, keysOnly: Bool) throws(StoreError) -> [Record] {
        try ask { (view) throws(StoreError) in
            try view.records(in: range, limit: limit, bytes: bytes, keysOnly: keysOnly)
        }
    }
    func recordsEver(in range: KeyRange, limit: Int) throws(StoreError) -> [Record] {
        try ask { (view) throws(StoreError) in try view.recordsEver(in: range, limit: limit) }
    }
    func keys(on leases: [LeaseID: Int]) throws(StoreError) -> [LeaseID: [Key]] {
        try ask { (view) throws(StoreError) in try view.keys(on: leases) }
    }
    func leases(_ ids: [LeaseID]) throws(StoreError) -> [LeaseID: Lease] {
        try ask { (view) throws(StoreError) in try view.leases(ids) }
    }
    func leases(from first: LeaseID, limit: Int) throws(StoreError) -> [Lease] {
        try ask { (view) throws(StoreError) in try view.leases(from: first, limit: limit) }
    }
    func leases(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lease] {
        try ask { (view) throws(StoreError) in try view.leases(dueAt: time, limit: limit) }
    }
    func locks(_ tokens: [Ref]) throws(StoreError) -> [Ref: Lock] {
        try ask { (view) throws(StoreError) in try view.locks(tokens) }
    }
    func locks(from first: Ref, limit: Int) throws(StoreError) -> [Lock] {
        try ask { (view) throws(StoreError) in try view.locks(from: first, limit: limit) }
    }
    func locks(dueAt time: Timestamp, limit: Int) throws(StoreError) -> [Lock] {
        try ask { (view) throws(StoreError) in try view.locks(dueAt: time, limit: limit) }
    }
    func nextDeadline() throws(StoreError) -> Timestamp? {
        try ask { (view) throws(StoreError) in try view.nextDeadline() }
    }
    func events(from first: Ref, limit: Int, bytes: Int) throws(StoreError) -> [Event] {
        try ask { (view) throws(StoreError) in try view.events(from: first, limit: limit, bytes: bytes) }
    }
    func consumer(_ name: String) throws(StoreError) -> Consumer? {
        try ask { (view) throws(StoreError) in try view.consumer(name) }
    }
    func consumers(after name: String, limit: Int) throws(StoreError) -> [Consumer] {
        try ask { (view) throws(StoreError) in try view.consumers(after: name, limit: limit) }
    }
    func result(of request: RequestID) throws(StoreError) -> TransactionResult? {
        try ask { (view) throws(StoreError) in try view.result(of: request) }
    }
}
