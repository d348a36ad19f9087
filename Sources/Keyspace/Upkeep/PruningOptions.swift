public import CairnModel

/// When and what a keyspace prunes. Unless told otherwise, only when it is asked to.
///
/// Counts are of live keys. Keys that are locked are never pruned, so more may be left.
public struct PruningOptions: Hashable, Sendable {
    /// What is pruned first.
    public enum Order: String, Hashable, Sendable {
        /// What has the lowest ``CairnModel/KeyMetrics/score(at:)``.
        case score
        /// What was not used for longest.
        case lru
    }

    /// How often to look whether there are ``at`` keys.
    public var interval = Duration.seconds(60)
    /// Prune when there are so many keys; `nil` for never.
    public var at: Int?
    /// Then prune until there are so many; `nil` for nine tenths of ``at``.
    public var to: Int?
    /// Prune as soon as there are so many keys; `nil` for never. Only for a home that knows how many it has.
    public var eagerAt: Int?
    /// Then prune until there are so many; `nil` for nine tenths of ``eagerAt``.
    public var eagerTo: Int?
    /// What is pruned first. Of keys that are the same in this the one that was changed first goes first.
    public var order = Order.score
    /// Keys that begin with one of these are never pruned.
    public var exempt: [Key] = []

    /// Pruning that happens only when asked for.
    public init() {}

    /// How many keys are left when there were ``at``.
    package var target: Int? { at.map { to ?? $0 / 10 * 9 + $0 % 10 * 9 / 10 } }
    /// How many keys are left when there were ``eagerAt``, or as many as there may be.
    package var eagerTarget: Int? { eagerAt.map { eagerTo ?? $0 / 10 * 9 + $0 % 10 * 9 / 10 } ?? target }

    /// Throws ``CairnModel/StoreError/Code/invalidArgument`` for options that contradict each other.
    func check(maxKeys: Int?) throws(StoreError) {
        try PruningOptions.check("", at: at, to: to, maxKeys: maxKeys)
        try PruningOptions.check("eager ", at: eagerAt, to: eagerTo, maxKeys: maxKeys)
        if at != nil, interval <= .zero { throw .impossible("an interval of \(interval)") }
        if let maxKeys, maxKeys < 1 { throw .impossible("a limit of \(maxKeys) keys") }
    }

    private static func check(_ kind: String, at: Int?, to: Int?, maxKeys: Int?) throws(StoreError) {
        guard let at else {
            guard let to else { return }
            throw .impossible("to prune \(kind)to \(to) keys without telling at how many")
        }
        if at < 1 { throw .impossible("to prune \(kind)at \(at) keys") }
        if let to, to < 0 || to >= at { throw .impossible("to prune \(kind)at \(at) keys to \(to)") }
        if let maxKeys, at > maxKeys {
            throw .impossible("to prune \(kind)at \(at) keys when there may be \(maxKeys)")
        }
    }
}

extension KeyspaceOptions {
    /// Of how many keys the use is remembered.
    package var keyMetricsCapacity: Int {
        keyMetrics ?? [pruning.at, pruning.eagerAt].compactMap { $0 }.max().map { max($0, limits.keys ?? 0) } ?? 0
    }

    /// Throws ``CairnModel/StoreError/Code/unsupported`` if these options need a home that knows how many keys it has.
    func checkCounting(in engine: any Engine) throws(StoreError) {
        guard limits.keys != nil || pruning.eagerAt != nil, engine.size.keys == nil else { return }
        throw StoreError(
            .unsupported,
            "a most of keys, and eager pruning, need a home that knows how many keys it has: memory, and not "
                + "\(engine.name); prune at intervals instead")
    }
}

extension StoreError {
    fileprivate static func impossible(_ what: String) -> StoreError {
        StoreError(.invalidArgument, "\(what) is not possible")
    }
}
