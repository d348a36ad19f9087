import CairnKeyspace
import CairnModel
import CairnPostgres
import CairnSQL

/// The plainest engine over one session: it tries nothing again, and settles nothing.
///
/// For tests of what a session does by itself. `@unchecked Sendable`: a test uses it on one thread at a time.
final class SessionEngine: Engine, @unchecked Sendable {
    let name = "postgres"
    let capabilities = Capabilities(Set(Capability.allCases))
    let blocks = true
    let readers = 1
    let home: PostgresHome
    let session: PostgresSession
    let replica: Int64
    private(set) var batches: Int64 = 0
    private var forgetBefore: Timestamp?

    init(_ home: PostgresHome) throws(StoreError) {
        self.home = home
        session = try home.open(.writing)
        _ = try home.prepare(session)
        replica = try session.join(ReplicaID(), address: "")
    }

    func readyRecord(_ key: Key) -> ReadyRecord? { nil }
    func mayHaveForeignChanges(since ref: Ref) -> Bool { true }
    func backup(toFile path: String) throws(StoreError) { throw StoreError(.unsupported, "no backups") }
    func close() { session.close() }

    func read<Result>(_ body: (any EngineView) throws(StoreError) -> Result) throws(StoreError) -> Result {
        try session.withSnapshot(body)
    }

    func commit(_ decide: (any EngineView) throws(StoreError) -> Changes?) throws(StoreError) {
        do throws(StoreError) {
            let start = try session.beginBatch()
            guard let changes = try decide(session.batchView(from: start)) else {
                session.rollBack()
                return
            }
            try session.commit(stored(changes))
            forgetBefore = changes.forgetRequestsBefore ?? forgetBefore
        } catch {
            session.rollBack()
            throw error
        }
    }

    /// Changes as a batch of this engine.
    func stored(_ changes: Changes) -> StoredBatch {
        batches += 1
        let announcement = Announcement(replica: replica, lastRef: changes.head.lastRef, nextDeadline: nil)
        return StoredBatch(
            changes: changes, records: changes.records, replica: replica, number: batches,
            announcement: announcement.text)
    }

    func trim() throws(StoreError) -> Bool {
        let more = try session.trim(requestsBefore: forgetBefore, limit: 2_000)
        if !more { forgetBefore = nil }
        return more
    }
}

extension SessionEngine {
    /// Decides and commits operations as one transaction in a batch.
    @discardableResult
    func run(
        _ operations: CairnModel.Operation..., at time: Int64 = 1_700_000_000_000_000
    ) throws(StoreError) -> TransactionResult {
        try run(Transaction(then: operations, clientID: "test"), at: time)
    }

    @discardableResult
    func run(
        _ transaction: Transaction, at time: Int64 = 1_700_000_000_000_000
    ) throws(StoreError) -> TransactionResult {
        var answers: [Result<TransactionResult, StoreError>] = []
        try commit { (view) throws(StoreError) in
            var batch = try Batch(view: view, now: Timestamp(microseconds: time), limits: .standard)
            answers = try batch.decide([transaction])
            return batch.changes
        }
        return try answers[0].get()
    }

    /// The record of a key.
    func record(_ key: Key) throws(StoreError) -> Record? { try session.records([key])[key] }

    /// Calls `body` with a view of one moment. For expectations, which throw what they like.
    func look(_ body: (any EngineView) throws -> Void) throws {
        var failure: (any Error)?
        try read { (view) throws(StoreError) in
            do { try body(view) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// The head.
    func head() throws(StoreError) -> Head {
        try read { (view) throws(StoreError) in try view.head() }
    }
}
