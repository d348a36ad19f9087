public import CairnModel

/// How much of what keys were is told.
///
/// History is the log, so what the log no longer keeps isn't there whatever is set here.
public struct HistoryOptions: Hashable, Sendable {
    /// How many of a key's last states are told, the current one included; 0 tells nothing, `nil` tells all.
    public var limit: Int?
    /// The same for the keys that start with a prefix; the longest one that fits counts.
    public var limits: [Prefixed] = []
    /// Whether it is told what a key was before it was last created, and of a key that has ended.
    public var tellsEnded = true

    /// What holds for the keys that start with a prefix.
    public struct Prefixed: Hashable, Sendable {
        /// The prefix.
        public var prefix: Key
        /// How many states; `nil` for all.
        public var limit: Int?

        /// A limit for a prefix.
        public init(prefix: Key, limit: Int?) {
            self.prefix = prefix
            self.limit = limit
        }
    }

    /// All of it.
    public init() {}

    /// How many states of a key are told; `nil` for all.
    func limit(for key: Key) -> Int? {
        let fitting = limits.filter { key.hasPrefix($0.prefix) }
        guard let longest = fitting.max(by: { $0.prefix.bytes.count < $1.prefix.bytes.count }) else { return limit }
        return longest.limit
    }
}

/// Which of a key's versions are told.
enum HistoryRules {
    /// The versions that may be told of a key whose last state is this; `nil` for none. Throws
    /// ``StoreError/Code/historyOff``.
    static func visible(of record: Record, _ options: HistoryOptions) throws(StoreError) -> ClosedRange<Int64>? {
        let limit = options.limit(for: record.key)
        if limit == 0 { throw .historyOff(record.key) }
        guard options.tellsEnded || record.isLive else { return nil }
        let first = options.tellsEnded ? 1 : record.createdVersion
        let kept = limit.map { record.version - Int64(clamping: $0) + 1 } ?? 1
        return max(first, kept)...record.version
    }

    /// The version that is meant, of a key whose last state is this; `nil` if it can't have that one.
    static func version(_ revision: Revision, of record: Record) -> Int64? {
        switch revision {
        case .version(let version): version >= 1 && version <= record.version ? version : nil
        case .back(let count): count >= 0 && count < record.version ? record.version - count : nil
        case .asOf: nil
        }
    }
}

extension StoreError {
    /// The store is set to tell nothing of what the key was.
    static func historyOff(_ key: Key) -> StoreError {
        StoreError(.historyOff, "the server is set to tell no history of \(key); see its history-limit", key: key)
    }
}
