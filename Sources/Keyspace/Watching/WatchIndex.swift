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
    private var ranges: [Watcher] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Every watcher.
    var all: [Watcher] {
        singles.values.flatMap(\.values) + prefixes.values.flatMap(\.values) + ranges
    }

    mutating func insert(_ watcher: Watcher) {
        let range = watcher.range
        count += 1
        if let key = range.singleKey {
            singles[key, default: [:]][ObjectIdentifier(watcher)] = watcher
        } else if range == KeyRange(prefix: range.lower) {
            prefixes[range.lower, default: [:]][ObjectIdentifier(watcher)] = watcher
            prefixLengths[range.lower.bytes.count, default: 0] += 1
            lengths = prefixLengths.keys.sorted()
        } else {
            let place = ranges.firstIndex { $0.range.lower > range.lower } ?? ranges.count
            ranges.insert(watcher, at: place)
        }
    }

    mutating func remove(_ watcher: Watcher) {
        let id = ObjectIdentifier(watcher)
        let range = watcher.range
        if let key = range.singleKey {
            guard singles[key]?.removeValue(forKey: id) != nil else { return }
            if singles[key]?.isEmpty == true { singles[key] = nil }
        } else if range == KeyRange(prefix: range.lower) {
            guard prefixes[range.lower]?.removeValue(forKey: id) != nil else { return }
            if prefixes[range.lower]?.isEmpty == true { prefixes[range.lower] = nil }
            let length = range.lower.bytes.count
            prefixLengths[length] = prefixLengths[length].flatMap { $0 > 1 ? $0 - 1 : nil }
            lengths = prefixLengths.keys.sorted()
        } else {
            guard let place = ranges.firstIndex(where: { $0 === watcher }) else { return }
            ranges.remove(at: place)
        }
        count -= 1
    }

    func forEachWatcher(of key: Key, _ body: (Watcher) -> Void) {
        if let watchers = singles[key] { watchers.values.forEach(body) }
        for length in lengths {
            guard length <= key.bytes.count else { break }
            if let watchers = prefixes[Key(bytes: Array(key.bytes[..<length]))] { watchers.values.forEach(body) }
        }
        for watcher in ranges {
            if watcher.range.lower > key { break }
            if watcher.range.contains(key) { body(watcher) }
        }
    }
}
