internal import CairnModel
internal import Synchronization

/// Whether a server takes writes.
final class WriteSwitch: Sendable {
    private let refuses = Atomic<Bool>(false)

    /// Whether writes are refused.
    var isReadOnly: Bool {
        get { refuses.load(ordering: .relaxed) }
        set { refuses.store(newValue, ordering: .relaxed) }
    }

    /// Throws ``CairnModel/StoreError/Code/readOnly`` for a transaction that would write, while writes are refused.
    func check(_ transaction: Transaction) throws(StoreError) {
        guard isReadOnly, (transaction.operations + transaction.otherwise).contains(where: { !$0.onlyReads }) else {
            return
        }
        throw StoreError(
            .readOnly, "this server takes no writes for now; nothing was changed. Reads and streams go on",
            key: transaction.operations.first?.key)
    }
}

/// A store behind the switch, whose callers are noted. Every write of a ``CairnModel/Store`` is a transaction or takes
/// a lock, so there are few places to look at. What the store does by itself, such as to expire leases, goes on.
///
/// Not generic: as the store's type is only known when the server runs, generic code would be the slower.
private protocol Switched: Store {
    var base: any Store { get }
    var writes: WriteSwitch { get }
    var clients: ClientRegistry { get }
}

extension Switched {
    var capabilities: Capabilities { base.capabilities }
    var limits: Limits { base.limits }

    /// Notes who calls. Throws, before anything is kept of it, if that can be no client's id.
    fileprivate func note(_ clientID: String) throws(StoreError) {
        if clientID.isEmpty { return }
        try limits.check(clientID: clientID)
        clients.note(clientID)
    }

    func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        try note(transaction.clientID)
        try writes.check(transaction)
        return try await base.commit(transaction)
    }

    func acquireLock(_ request: LockRequest) async throws(StoreError) -> Lock {
        try note(request.clientID)
        try writes.check(Transaction(then: [.lock(request.key, duration: request.duration)]))
        return try await base.acquireLock(request)
    }

    func get(
        _ key: Key, consistency: ReadConsistency, clientID: String
    ) async throws(StoreError) -> Record? {
        try note(clientID)
        return try await base.get(key, consistency: consistency, clientID: clientID)
    }

    func inspect(_ key: Key, withValue: Bool, clientID: String) async throws(StoreError) -> KeyInspection? {
        try note(clientID)
        return try await base.inspect(key, withValue: withValue, clientID: clientID)
    }

    func list(_ request: ListRequest) async throws(StoreError) -> ListPage {
        try note(request.clientID)
        return try await base.list(request)
    }

    func revision(
        of key: Key, _ revision: Revision, clientID: String
    ) async throws(StoreError) -> KeyRevision? {
        try limits.check(clientID: clientID)
        return try await base.revision(of: key, revision, clientID: clientID)
    }

    func history(_ request: HistoryRequest) async throws(StoreError) -> HistoryPage {
        try limits.check(clientID: request.clientID)
        return try await base.history(request)
    }

    func watch(_ request: WatchRequest) async throws(StoreError) -> WatchStream {
        for id in request.clientIDs { try limits.check(clientID: id) }
        return try await base.watch(request)
    }

    func lease(_ id: LeaseID, withKeys: Bool) async throws(StoreError) -> LeaseStatus? {
        try await base.lease(id, withKeys: withKeys)
    }

    func leases(from first: LeaseID, limit: Int) async throws(StoreError) -> [LeaseStatus] {
        try await base.leases(from: first, limit: limit)
    }

    func lock(of key: Key) async throws(StoreError) -> LockStatus? { try await base.lock(of: key) }

    func locks(from first: Ref, limit: Int) async throws(StoreError) -> [LockStatus] {
        try await base.locks(from: first, limit: limit)
    }

    func consumer(_ name: String) async throws(StoreError) -> Consumer? { try await base.consumer(name) }

    func consumers(after name: String, limit: Int) async throws(StoreError) -> [Consumer] {
        try await base.consumers(after: name, limit: limit)
    }

    func status() async throws(StoreError) -> StoreStatus { try await base.status() }

    func backup(toFile path: String) async throws(StoreError) { try await base.backup(toFile: path) }

    func close() async { await base.close() }
}

private struct SwitchedStore: Switched {
    let base: any Store
    let writes: WriteSwitch
    let clients: ClientRegistry
}

/// The same, of a store that can be used without a task.
private struct SwitchedDirectStore: Switched, DirectStore {
    let direct: any DirectStore
    let writes: WriteSwitch
    let clients: ClientRegistry

    var base: any Store { direct }

    func readyRecord(_ key: Key, clientID: String) -> Record? {
        // What can't be a client's id takes the long way, where it is refused.
        guard clientID.utf8.count <= limits.nameBytes, let record = direct.readyRecord(key, clientID: clientID) else {
            return nil
        }
        clients.note(clientID)
        return record
    }

    func get(
        _ key: Key, clientID: String, answer: @escaping @Sendable (Result<Record?, StoreError>) -> Void
    ) {
        do throws(StoreError) { try note(clientID) } catch { return answer(.failure(error)) }
        direct.get(key, clientID: clientID, answer: answer)
    }

    func commit(
        _ transaction: Transaction, isWanted: (@Sendable () -> Bool)?,
        answer: @escaping @Sendable (Result<TransactionResult, StoreError>) -> Void
    ) {
        do throws(StoreError) {
            try note(transaction.clientID)
            try writes.check(transaction)
        } catch {
            return answer(.failure(error))
        }
        direct.commit(transaction, isWanted: isWanted, answer: answer)
    }
}

extension WriteSwitch {
    /// The store behind this switch, whose callers `clients` gets to know; one that can be used without a task still
    /// can.
    func guarding(_ store: any Store, noting clients: ClientRegistry) -> any Store {
        if let direct = store as? any DirectStore {
            return SwitchedDirectStore(direct: direct, writes: self, clients: clients)
        }
        return SwitchedStore(base: store, writes: self, clients: clients)
    }
}

extension Operation {
    fileprivate var onlyReads: Bool {
        if case .get = self { true } else { false }
    }

    fileprivate var key: Key? {
        switch self {
        case .set(let key, _, _, _, _), .delete(let key), .touch(let key), .lock(let key, _, _, _), .unlock(let key):
            key
        default: nil
        }
    }
}
