/// The id of an event: 1, 2, 3, … in commit order, without gaps, and the same on every replica.
///
/// ``zero`` stands before the first event.
public struct Ref: RawRepresentable, Hashable, Comparable, Sendable {
    /// The number itself.
    public let rawValue: Int64

    /// The ref with this number.
    public init(rawValue: Int64) { self.rawValue = rawValue }

    /// The ref with this number.
    public init(_ number: Int64) { self.rawValue = number }

    /// The place before the first event.
    public static let zero = Ref(0)

    /// The ref of the event after this one.
    public var next: Ref { Ref(rawValue + 1) }

    /// The ref of the event before this one.
    public var previous: Ref { Ref(rawValue - 1) }

    /// The order of the log.
    public static func < (a: Ref, b: Ref) -> Bool { a.rawValue < b.rawValue }
}

extension Ref: ExpressibleByIntegerLiteral {
    /// The ref with the literal's number.
    public init(integerLiteral number: Int64) { self.init(number) }
}

extension Ref: CustomStringConvertible {
    /// The number in decimal.
    public var description: String { String(rawValue) }
}
