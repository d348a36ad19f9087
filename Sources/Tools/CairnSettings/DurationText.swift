/// Durations as people write them: numbers with units, such as `30s`, `1h30m` or `250ms`.
package enum DurationText {
    /// Units, and how many microseconds they have.
    private static let units: [(name: String, microseconds: Double)] = [
        ("us", 1), ("ms", 1e3), ("s", 1e6), ("m", 60e6), ("h", 3_600e6), ("d", 86_400e6),
    ]

    /// The duration, or `nil` if the text isn't one.
    package static func duration(of text: String) -> Duration? {
        var rest = text[...]
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isNumber || $0 == "." }
            let unit = rest.dropFirst(number.count).prefix { $0.isLetter }
            guard let count = Double(number), let factor = units.first(where: { $0.name == unit })?.microseconds else {
                return nil
            }
            total += count * factor
            rest = rest.dropFirst(number.count + unit.count)
        }
        guard total < 9e18 else { return nil }
        return .microseconds(Int64(total.rounded()))
    }

    /// The duration in the largest unit of which it has one.
    package static func text(of duration: Duration) -> String {
        let microseconds = duration / .microseconds(1)
        let unit = units.last { microseconds >= $0.microseconds } ?? ("us", 1)
        let count = microseconds / unit.microseconds
        return count == count.rounded() ? "\(Int64(count))\(unit.name)" : "\(count)\(unit.name)"
    }
}
