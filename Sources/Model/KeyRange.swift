/// The keys from ``lower`` up to, but not including, ``upper``, in bytewise order.
public struct KeyRange: Hashable, Sendable {
    /// The first key that may be in the range; the empty key is the lowest there is.
    public var lower: Key
    /// The first key after the range, or `nil` for a range without an end.
    public var upper: Key?

    /// The range `[lower, upper)`.
    public init(from lower: Key, to upper: Key?) {
        self.lower = lower
        self.upper = upper
    }

    /// Every key there is.
    public static let all = KeyRange(from: Key(bytes: []), to: nil)

    /// The keys that start with `prefix`, compared bytewise and without wildcards.
    public init(prefix: Key) {
        self.lower = prefix
        var upper = prefix.bytes
        while upper.last == 0xFF { upper.removeLast() }
        if upper.isEmpty {
            self.upper = nil
        } else {
            upper[upper.count - 1] += 1
            self.upper = Key(bytes: upper)
        }
    }

    /// The range that holds `key` alone.
    public init(single key: Key) {
        self.init(from: key, to: key.successor)
    }

    /// The one key of a range made by ``init(single:)``, or `nil` for any other range.
    public var singleKey: Key? {
        guard let upper, upper.bytes.count == lower.bytes.count + 1, upper.bytes.last == 0,
            upper.hasPrefix(lower), !lower.bytes.isEmpty
        else { return nil }
        return lower
    }

    /// Whether no key can be in the range.
    public var isEmpty: Bool {
        guard let upper else { return false }
        return upper <= lower
    }

    /// Whether `key` is in the range.
    public func contains(_ key: Key) -> Bool {
        guard key >= lower else { return false }
        guard let upper else { return true }
        return key < upper
    }
}

extension [KeyRange] {
    /// The same keys in ranges that neither overlap nor touch, in order; empty ones are left out.
    public var disjoint: [KeyRange] {
        var merged: [KeyRange] = []
        for range in filter({ !$0.isEmpty }).sorted(by: { $0.lower < $1.lower }) {
            guard let last = merged.last, last.upper.map({ range.lower <= $0 }) ?? true else {
                merged.append(range)
                continue
            }
            guard let end = last.upper else { continue }
            merged[merged.count - 1].upper = range.upper.map { Swift.max($0, end) }
        }
        return merged
    }
}
