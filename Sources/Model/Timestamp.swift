/// A point in time: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Microseconds, because that is what every database that Cairn lives on keeps exactly.
public struct Timestamp: RawRepresentable, Hashable, Comparable, Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public let rawValue: Int64

    /// The time this many microseconds after 1970-01-01T00:00:00Z.
    public init(rawValue: Int64) { self.rawValue = rawValue }

    /// The time this many microseconds after 1970-01-01T00:00:00Z.
    public init(microseconds: Int64) { self.rawValue = microseconds }

    /// Earlier before later.
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.rawValue < b.rawValue }

    /// The time `duration` later, at most the last time that can be told.
    public static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = time.rawValue.addingReportingOverflow(duration.microseconds)
        return Timestamp(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The time from `earlier` to `later`; negative when they are the other way round.
    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        let (difference, overflow) = later.rawValue.subtractingReportingOverflow(earlier.rawValue)
        return .microseconds(overflow ? (later < earlier ? .min : .max) : difference)
    }
}

extension Duration {
    /// The duration in whole microseconds, rounded towards zero, at most what an `Int64` holds.
    public var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflowed) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return overflow || overflowed ? (seconds < 0 ? .min : .max) : sum
    }
}
