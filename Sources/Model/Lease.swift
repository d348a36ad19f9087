/// The number of a lease.
///
/// The store numbers leases 1, 2, 3, …, one for each life of a key; that of a key with a lifespan counts from
/// ``LeaseID/firstLifespan`` instead. A caller who grants a lease may choose its number from ``LeaseID/firstChosen``
/// on, so they never collide.
public struct LeaseID: RawRepresentable, Hashable, Comparable, Sendable {
    /// The number itself.
    public let rawValue: Int64
    /// The lease with this number.
    public init(rawValue: Int64) { self.rawValue = rawValue }
    /// The lease with this number.
    public init(_ number: Int64) { self.rawValue = number }
    /// By number.
    public static func < (a: LeaseID, b: LeaseID) -> Bool { a.rawValue < b.rawValue }

    /// From 2⁴⁷ on leases are lifespans.
    public static let firstLifespan = LeaseID(1 << 47)
    /// Whether a set of the key on it starts its time anew.
    public var isLifespan: Bool { self >= .firstLifespan && self < .firstChosen }
    /// The lowest number that a caller may choose: 2⁴⁸.
    public static let firstChosen = LeaseID(1 << 48)
}

extension LeaseID: ExpressibleByIntegerLiteral {
    /// The lease with the literal's number.
    public init(integerLiteral number: Int64) { self.init(number) }
}

extension LeaseID: CustomStringConvertible {
    /// The number in decimal.
    public var description: String { String(rawValue) }
}

/// A lifetime shared by keys. When it expires its keys expire with it, each with an event of its own.
///
/// Every live key is on one lease: one that was granted, or one made for it when it was created, which ends with it.
/// A lease that has expired is gone; its number is not used again by the store. One with more than 2,000 keys expires
/// in several transactions: from its deadline on it takes no keys and can't be prolonged, each key is there until its
/// own event, and whoever writes to one finds it ended.
public struct Lease: Hashable, Sendable {
    /// The lease's number.
    public var id: LeaseID
    /// When it expires by itself, or `nil` for never.
    public var deadline: Timestamp?
    /// How long a keep-alive without a duration prolongs it; `nil` for a lease that was never given a duration.
    public var duration: Duration?
    /// Whether a caller granted it. Such a lease lives without keys; any other ends with its last key.
    public var isGranted: Bool

    /// A lease with each of its fields.
    public init(id: LeaseID, deadline: Timestamp?, duration: Duration?, isGranted: Bool) {
        self.id = id
        self.deadline = deadline
        self.duration = duration
        self.isGranted = isGranted
    }

    /// Whether the lease's deadline has passed at `now`. At the deadline itself it has.
    public func isDue(at now: Timestamp) -> Bool {
        guard let deadline else { return false }
        return deadline <= now
    }
}

/// A lease as it was at one moment.
public struct LeaseStatus: Hashable, Sendable {
    /// The lease.
    public var lease: Lease
    /// How long it still had when it was read; `nil` for a lease without a deadline, never negative.
    public var timeLeft: Duration?
    /// The live keys on it, in order, when they were asked for.
    public var keys: [Key]

    /// A status with each of its fields.
    public init(lease: Lease, timeLeft: Duration?, keys: [Key]) {
        self.lease = lease
        self.timeLeft = timeLeft
        self.keys = keys
    }
}
