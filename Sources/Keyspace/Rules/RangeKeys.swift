internal import CairnModel

/// Which keys are live now in those parts of the key space that a batch has looked at.
///
/// What was loaded is put together, so that a range is known if all its parts are, however they came here; and it
/// follows each change of the batch, so that asking costs no more after many of them.
struct RangeKeys: Sendable {
    /// The parts that are known, in order; they neither overlap nor touch.
    private var known: [KeyRange] = []
    private var keys = SortedKeys()

    /// Whether nothing was looked at.
    var isEmpty: Bool { known.isEmpty }

    /// The place of the first known part that ends after `key`.
    private func place(of key: Key) -> Int {
        var low = 0
        var high = known.count
        while low < high {
            let middle = (low + high) / 2
            if known[middle].upper.map({ $0 <= key }) ?? false { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Where the first part of a range begins that isn't known, or `nil` if all of it is.
    func firstUnknown(in range: KeyRange) -> Key? {
        if range.isEmpty { return nil }
        let place = place(of: range.lower)
        guard place < known.count, known[place].lower <= range.lower else { return range.lower }
        guard let end = known[place].upper else { return nil }
        if let upper = range.upper, upper <= end { return nil }
        return end
    }

    /// The parts of a range that aren't known, in order.
    private func unknown(in range: KeyRange) -> [KeyRange] {
        var gaps: [KeyRange] = []
        var lower = range.lower
        var place = place(of: lower)
        while place < known.count, range.upper.map({ known[place].lower < $0 }) ?? true {
            if lower < known[place].lower { gaps.append(KeyRange(from: lower, to: known[place].lower)) }
            guard let end = known[place].upper else { return gaps }
            lower = end
            place += 1
        }
        let rest = KeyRange(from: lower, to: range.upper)
        return rest.isEmpty ? gaps : gaps + [rest]
    }

    /// Notes that these keys, in order, are all that are live in these ranges.
    mutating func load(_ live: [Key], in ranges: [KeyRange]) {
        var next = live.startIndex
        for gap in ranges.disjoint.flatMap({ unknown(in: $0) }) {
            while next < live.endIndex, live[next] < gap.lower { next += 1 }
            let first = next
            while next < live.endIndex, gap.contains(live[next]) { next += 1 }
            keys.insert(run: live[first..<next])
        }
        known = (known + ranges).disjoint
    }

    /// Notes that a key lives now, or doesn't.
    mutating func note(_ key: Key, isLive: Bool) {
        guard !known.isEmpty, firstUnknown(in: KeyRange(single: key)) == nil else { return }
        if isLive { keys.insert(key) } else { keys.remove(key) }
    }

    /// How many of the known keys are in a range; not all are counted if they are more than `limit`.
    func count(in range: KeyRange, upTo limit: Int) -> Int { keys.count(in: range, upTo: limit) }

    /// The known keys of a range, in order.
    func keys(in range: KeyRange) -> [Key] { keys.keys(in: range) }
}
