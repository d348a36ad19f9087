internal import CairnModel
internal import CairnRPC
internal import CairnSecurity

/// The way to a store that takes no task, for gets and sets with nothing to them but a key and a value.
///
/// Where callers are asked for who they are, it is open to those alone whom the ``Gatekeeper`` has let in for this
/// call, for what they may do. What it declines takes the long way, by the ``GuardedStore``: so nothing is refused
/// here, and what is declined says nothing of the key, which nobody has looked for yet.
struct ShortWay: Sendable {
    private let store: any DirectStore
    private let isGuarded: Bool

    /// The short way to a store, if it has one.
    init?(to store: any Store, isGuarded: Bool) {
        guard let store = store as? any DirectStore else { return nil }
        self.store = store
        self.isGuarded = isGuarded
    }

    /// The record of a key, if it can be told at once.
    func readyRecord(_ key: Key, for call: RPCDirectCall) -> Record? {
        guard isGuarded else { return store.readyRecord(key, clientID: "") }
        guard let caller = reader(of: key, call) else { return nil }
        return store.readyRecord(key, clientID: caller.clientID)
    }

    /// Finds the record of a key, and calls `answer`; or declines with `false`.
    func get(
        _ key: Key, for call: RPCDirectCall, answer: @escaping @Sendable (Result<Record?, StoreError>) -> Void
    ) -> Bool {
        guard isGuarded else {
            store.get(key, clientID: "", answer: answer)
            return true
        }
        guard let caller = reader(of: key, call) else { return false }
        store.get(key, clientID: caller.clientID, answer: answer)
        return true
    }

    /// Commits a set without conditions or a lease, if it still `isWanted` when its turn comes, and calls `answer`; or
    /// declines with `false`.
    func commit(
        _ transaction: Transaction, for call: RPCDirectCall, isWanted: @escaping @Sendable () -> Bool,
        answer: @escaping @Sendable (Result<TransactionResult, StoreError>) -> Void
    ) -> Bool {
        guard isGuarded else {
            store.commit(transaction, isWanted: isWanted, answer: answer)
            return true
        }
        guard let caller = call.finding as? KnownCaller, let key = transaction.onlySet,
            caller.principal.permissions.writable.contains(key)
        else { return false }
        var transaction = transaction
        transaction.clientID = caller.clientID
        store.commit(transaction, isWanted: isWanted, answer: answer)
        return true
    }

    private func reader(of key: Key, _ call: RPCDirectCall) -> KnownCaller? {
        guard let caller = call.finding as? KnownCaller, caller.principal.permissions.readable.contains(key) else {
            return nil
        }
        return caller
    }
}

extension Transaction {
    /// The key that it sets, if that is all that it does.
    fileprivate var onlySet: Key? {
        guard conditions.isEmpty, otherwise.isEmpty, operations.count == 1, clientID.isEmpty,
            case .set(let key, _, nil, _, _) = operations[0]
        else { return nil }
        return key
    }
}
