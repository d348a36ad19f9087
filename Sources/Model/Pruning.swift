/// A key that may be pruned as long as nothing happens to it.
public struct PruneCandidate: Hashable, Sendable {
    /// The key.
    public var key: Key
    /// The event that had last changed it when it was chosen. A key that has changed since is not pruned.
    public var updatedRef: Ref

    /// The key in the state that this event left it in.
    public init(_ key: Key, updatedRef: Ref) {
        self.key = key
        self.updatedRef = updatedRef
    }
}

/// Makes room in a store that it has an eye on.
public protocol KeyPruner: Sendable {
    /// Prunes keys until there are `count`, the ones that are missed least first, and returns how many it was.
    ///
    /// Keys that are locked, exempt or among `ignored` stay, so more may be left. Keys that change meanwhile stay, too.
    /// Throws ``StoreError/Code/invalidArgument`` for a negative count, and what the store throws; then some keys may
    /// have been pruned.
    func prune(to count: Int, ignoring ignored: [Key], clientID: String) async throws(StoreError) -> Int
}
