/// Numbers of bytes as people write them: `4096`, `64KiB`, `4MiB`.
package enum ByteCountText {
    private static let units: [(name: String, shift: Int)] = [("KiB", 10), ("MiB", 20), ("GiB", 30)]

    /// The number, or `nil` if the text isn't one.
    package static func count(of text: String) -> Int? {
        guard let unit = units.first(where: { text.hasSuffix($0.name) }) else { return Int(text) }
        guard let number = Int(text.dropLast(unit.name.count)) else { return nil }
        let (product, overflows) = number.multipliedReportingOverflow(by: 1 << unit.shift)
        return overflows ? nil : product
    }

    /// The number in the largest unit that divides it.
    package static func text(of count: Int) -> String {
        guard count > 0, let unit = units.last(where: { count.isMultiple(of: 1 << $0.shift) }) else {
            return "\(count)"
        }
        return "\(count >> unit.shift)\(unit.name)"
    }
}
