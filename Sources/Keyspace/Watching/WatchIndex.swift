internal import CairnModel

/// Finds the watchers of a key without asking every watcher.
///
/// Watches of one key, and of a prefix, which is what nearly all are, are found by hashing: the key itself, and its
/// beginning at each length that some prefix has. Any other range is found in a list ordered by where ranges start.
struct WatchIndex: Sendable {
    private typealias Watchers = [ObjectIdentifier: Watcher]

    private var singles: [Key: Watchers] = [:]
    private var prefixes: [Key: Watchers] = [:]
    /// How many prefixes there are of each length.
    private var prefixLengths: [Int: Int] = [:]
    /// The lengths in ``prefixLengths``, in order.
    private var lengths: [Int] = []
    /// Other ranges, by their lower end.
    private var ranges: [(range: KeyRange, watcher: Watcher)] = []
    private var watchers: Watchers = [:]

    var isEmpty: Bool { watchers.isEmpty }

    /// How many watchers there are.
    var count: Int { watchers.count }

    /// Every watcher.
    var all: some Collection<Watcher> { watchers.values }

    mutating func insert(_ watcher: Watcher) {
        watchers[ObjectIdentifier(watcher)] = watcher
        for range in watcher.ranges { insert(watcher, for: range) }
    }

    mutating func remove(_ watcher: Watcher) {
        guard watchers.removeValue(forKey: ObjectIdentifier(watcher)) != nil else { return }
        for range in watcher.ranges { remove(watcher, for: range) }
    }

    /// Calls `body` with each watcher of a key, once, as a watcher's ranges don't overlap.
    func forEachWatcher(of key: Key, _ body: (Watcher) -> Void) {
        if let watchers = singles[key] { watchers.values.forEach(body) }
        for length in lengths {
            guard length <= key.bytes.count else { break }
            if let watchers = prefixes[Key(bytes: Array(key.bytes[..<length]))] { watchers.values.forEach(body) }
        }
        for (range, watcher) in ranges {
            if range.lower > key { break }
            if range.contains(key) { body(watcher) }
        }
    }
}

extension WatchIndex {
    private mutating func insert(_ watcher: Watcher, for range: KeyRange) {
        if let key = range.singleKey {
            singles[key, default: [:]][ObjectIdentifier(watcher)] = watcher
        } else if range == KeyRange(prefix: range.lower) {
            prefixes[range.lower, default: [:]][ObjectIdentifier(watcher)] = watcher
            prefixLengths[range.lower.bytes.count, default: 0] += 1
            lengths = prefixLengths.keys.sorted()
        } else {
            let place = ranges.firstIndex { $0.range.lower > range.lower } ?? ranges.count
            ranges.insert((range, watcher), at: place)
        }
    }

    private mutating func remove(_ watcher: Watcher, for range: KeyRange) {
        let id = ObjectIdentifier(watcher)
        if let key = range.singleKey {
            singles[key]?[id] = nil
            if singles[key]?.isEmpty == true { singles[key] = nil }
        } else if range == KeyRange(prefix: range.lower) {
            prefixes[range.lower]?[id] = nil
            if prefixes[range.lower]?.isEmpty == true { prefixes[range.lower] = nil }
            let length = range.lower.bytes.count
            prefixLengths[length] = prefixLengths[length].flatMap { $0 > 1 ? $0 - 1 : nil }
            lengths = prefixLengths.keys.sorted()
        } else {
            ranges.removeAll { $0.watcher === watcher && $0.range == range }
        }
    }
}
