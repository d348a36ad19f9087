/// How often something happened, and when.
public struct KeyActivity: Hashable, Sendable {
    /// How often.
    public private(set) var count: Int64
    // Plain, so that a million of them take a third less memory; of no meaning while `count` is 0.
    private var firstTime = Timestamp(microseconds: 0)
    private var lastTime = Timestamp(microseconds: 0)

    /// Something that never happened.
    public init() { count = 0 }

    /// Something that happened `count` times, from `first` to `last`.
    public init(count: Int64, first: Timestamp, last: Timestamp) {
        self.count = max(count, 0)
        if count > 0 { (firstTime, lastTime) = (first, last) }
    }

    /// When first; `nil` if never.
    public var first: Timestamp? { count == 0 ? nil : firstTime }
    /// When last; `nil` if never.
    public var last: Timestamp? { count == 0 ? nil : lastTime }

    /// Notes that it has happened. The last time never goes back, though the clock may.
    public mutating func note(at time: Timestamp) {
        if count == 0 { (firstTime, lastTime) = (time, time) }
        count += 1
        lastTime = max(lastTime, time)
    }
}

/// How often a key was used, as far as who counts has seen it; a key's metrics outlive the key.
public struct KeyMetrics: Hashable, Sendable {
    /// Reads of the value, and touches.
    public var accesses = KeyActivity()
    /// Sets, those that created the key included.
    public var sets = KeyActivity()
    /// Locks that were taken or extended.
    public var locks = KeyActivity()

    /// A key that was never used.
    public init() {}

    /// When the key was last used in any way; `nil` if never.
    public var lastUse: Timestamp? { [accesses.last, sets.last, locks.last].compactMap(\.self).max() }

    /// How much the key would be missed at `now`: the more and the more lately it was used, the greater. A use in the
    /// future counts nothing; one that is a microsecond ago or less counts as that.
    ///
    /// The sum of ½ by the hours since the last read, ⅕ by those since the last set, ⅕ by those since the first set,
    /// and ⅒ by those since the last lock.
    public func score(at now: Timestamp) -> Double {
        func part(_ weight: Double, _ time: Timestamp?) -> Double {
            guard let time, time <= now else { return 0 }
            return weight * 3_600e6 / Double(max(now.rawValue - time.rawValue, 1))
        }
        return part(0.5, accesses.last) + part(0.2, sets.last) + part(0.2, sets.first) + part(0.1, locks.last)
    }
}

/// A key that is used much just now, as far as who counts has seen it.
public struct HotKey: Hashable, Sendable {
    /// The key. It need not be there any more.
    public var key: Key
    /// Uses a second: reads, sets and locks of the last seconds, the later the more they weigh.
    public var usesPerSecond: Double
    /// How often it was used in all.
    public var metrics: KeyMetrics

    /// A key with each of its figures.
    public init(key: Key, usesPerSecond: Double, metrics: KeyMetrics) {
        self.key = key
        self.usesPerSecond = usesPerSecond
        self.metrics = metrics
    }
}

/// Who counts how keys are used.
public protocol KeyMetricsSource: Sendable {
    /// What is known of a key, or `nil` if nothing is.
    ///
    /// Throws ``StoreError/Code/unsupported`` where nothing is counted, and ``StoreError/Code/invalidKey``.
    func keyMetrics(of key: Key) async throws(StoreError) -> KeyMetrics?

    /// The keys that are used most just now, the most used first, at most `limit`; those that nobody has used for some
    /// seconds are not among them. Costs a look at every key that is counted.
    ///
    /// Throws ``StoreError/Code/unsupported`` where nothing is counted, and ``StoreError/Code/invalidArgument`` for a
    /// limit that is not from 1 to ``HotKey/mostAtOnce``.
    func hottestKeys(limit: Int) async throws(StoreError) -> [HotKey]
}

extension HotKey {
    /// How many are told at once at most.
    public static let mostAtOnce = 1_000

    /// Throws ``StoreError/Code/invalidArgument`` for a number of keys that can't be asked for.
    package static func check(limit: Int) throws(StoreError) {
        guard (1...mostAtOnce).contains(limit) else {
            throw StoreError(.invalidArgument, "\(limit) keys can't be told at once: ask for 1 to \(mostAtOnce)")
        }
    }
}
