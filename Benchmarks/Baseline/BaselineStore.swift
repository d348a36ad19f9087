import CairnModel

/// A store that sends each write to the database as a transaction of its own, and each read as a query of its own.
///
/// The way of stores that were put on a database without gathering: read the key's row, then write the event and the
/// row and commit, which is two round trips and one sync of the database's log for each set. Everything else is as
/// good as it can be made: connections that stay open, one thread for each, prepared statements, no more data than
/// needed, and a guard by version in place of a lock that is held between the round trips.
///
/// Sets without conditions and gets are all there is.
final class BaselineStore: DirectStore {
    let capabilities = Capabilities([.durable])
    let limits = Limits.standard
    private let workers: ConnectionWorkers

    init(workers: ConnectionWorkers) { self.workers = workers }

    func close() async { workers.close() }

    // MARK: Reads

    /// Nothing is kept in memory: the database is asked for each read.
    func readyRecord(_ key: Key, clientID: String) -> Record? { nil }

    func get(
        _ key: Key, consistency: ReadConsistency, clientID: String
    ) async throws(StoreError) -> Record? {
        let result = await withCheckedContinuation { continuation in
            get(key, clientID: clientID) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    func get(_ key: Key, clientID: String, answer: @escaping @Sendable (Result<Record?, StoreError>) -> Void) {
        do throws(StoreError) { try check(key) } catch { return answer(.failure(error)) }
        workers.run { worker in
            answer(
                attempting { () throws(StoreError) in
                    try worker.use { (connection) throws(StoreError) in try connection.read(key) }
                })
        }
    }

    // MARK: Writes

    func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        let result = await withCheckedContinuation { continuation in
            commit(transaction) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    func commit(
        _ transaction: Transaction, isWanted: (@Sendable () -> Bool)?,
        answer: @escaping @Sendable (Result<TransactionResult, StoreError>) -> Void
    ) {
        guard transaction.conditions.isEmpty, transaction.requestID == nil, transaction.operations.count == 1,
            case .set(let key, let value, lease: nil, expiry: .keep, skipIfUnchanged: false) = transaction.operations[0]
        else { return answer(.failure(BaselineStore.unsupported)) }
        do throws(StoreError) {
            try check(key)
            if value.bytes.count > limits.valueBytes {
                throw StoreError(.valueTooLarge, "the value has more than \(limits.valueBytes) bytes", key: key)
            }
        } catch {
            return answer(.failure(error))
        }
        let clientID = transaction.clientID
        workers.run { worker in
            answer(
                attempting { () throws(StoreError) in
                    try worker.use { (connection) throws(StoreError) in
                        try BaselineStore.set(key, value, clientID: clientID, over: connection)
                    }
                })
        }
    }

    private static func set(
        _ key: Key, _ value: Value, clientID: String, over connection: any BaselineConnection
    ) throws(StoreError) -> TransactionResult {
        for _ in 0..<attempts {
            let current = try connection.readForUpdate(key)
            let change = BaselineChange(key: key, value: value, clientID: clientID, after: current)
            guard let ref = try connection.write(change) else { continue }
            return TransactionResult(results: [.written(change.record(at: ref))], ref: ref)
        }
        throw StoreError(
            .storageBusy, "others changed \(key.text) each time before this could; try again", key: key, retry: .safe)
    }

    /// Of so many connections at most all but one can be ahead, some of them more than once.
    private static let attempts = 1_000

    private func check(_ key: Key) throws(StoreError) {
        guard (1...limits.keyBytes).contains(key.bytes.count) else {
            throw StoreError(.invalidKey, "a key must have 1 to \(limits.keyBytes) bytes", key: key)
        }
    }

    // MARK: What there isn't

    private static let unsupported = StoreError(
        .unsupported, "the baseline knows only sets of one key without conditions, and gets")

    func list(_ request: ListRequest) async throws(StoreError) -> ListPage { throw BaselineStore.unsupported }
    func revision(
        of key: Key, _ revision: Revision, clientID: String
    ) async throws(StoreError) -> KeyRevision? { throw BaselineStore.unsupported }
    func history(_ request: HistoryRequest) async throws(StoreError) -> HistoryPage {
        throw BaselineStore.unsupported
    }
    func inspect(_ key: Key, withValue: Bool, clientID: String) async throws(StoreError) -> KeyInspection? {
        throw BaselineStore.unsupported
    }
    func watch(_ request: WatchRequest) async throws(StoreError) -> WatchStream { throw BaselineStore.unsupported }
    func lease(_ id: LeaseID, withKeys: Bool) async throws(StoreError) -> LeaseStatus? {
        throw BaselineStore.unsupported
    }
    func leases(from first: LeaseID, limit: Int) async throws(StoreError) -> [LeaseStatus] {
        throw BaselineStore.unsupported
    }
    func lock(of key: Key) async throws(StoreError) -> LockStatus? { throw BaselineStore.unsupported }
    func locks(from first: Ref, limit: Int) async throws(StoreError) -> [LockStatus] {
        throw BaselineStore.unsupported
    }
    func acquireLock(_ request: LockRequest) async throws(StoreError) -> Lock { throw BaselineStore.unsupported }
    func consumer(_ name: String) async throws(StoreError) -> Consumer? { throw BaselineStore.unsupported }
    func consumers(after name: String, limit: Int) async throws(StoreError) -> [Consumer] {
        throw BaselineStore.unsupported
    }
    func status() async throws(StoreError) -> StoreStatus { throw BaselineStore.unsupported }
    func backup(toFile path: String) async throws(StoreError) { throw BaselineStore.unsupported }
}

/// What `body` returns or throws.
private func attempting<Success>(_ body: () throws(StoreError) -> Success) -> Result<Success, StoreError> {
    do throws(StoreError) { return .success(try body()) } catch { return .failure(error) }
}
