public import CairnModel
public import Testing

/// One promise of the ``Store`` contract, and how to see whether a store keeps it.
///
/// A home's tests run every check that its capabilities call for, each on a fresh, empty store, as one parameterised
/// test, so that a report names the promise that broke:
///
/// ```swift
/// @Test("conforms", .timeLimit(.minutes(1)), arguments: Check.all(for: MyEngine.capabilities, canDriveTime: true))
/// func conforms(_ check: Check) async throws {
///     let store = try await openFreshStore(clock: clock)
///     try await check.run(ConformanceStore(store, advance: { clock.advance(by: $0) }))
///     await store.close()
/// }
/// ```
public struct Check: Sendable, CustomTestStringConvertible {
    /// The promise, in words.
    public let name: String
    /// The capabilities that it is about.
    public let requires: Set<Capability>
    /// Whether it moves the store's clock.
    public let drivesTime: Bool
    /// Looks whether a fresh, empty store keeps the promise; reports what it finds with Swift Testing.
    public let run: @Sendable (ConformanceStore) async throws -> Void

    /// A promise, and how to see whether it is kept.
    public init(
        _ name: String, requires: Set<Capability> = [], drivesTime: Bool = false,
        run: @escaping @Sendable (ConformanceStore) async throws -> Void
    ) {
        self.name = name
        self.requires = requires
        self.drivesTime = drivesTime
        self.run = run
    }

    /// The promise.
    public var testDescription: String { name }

    /// The checks for a store that can do this much; those that move its clock only if that can be done.
    public static func all(for capabilities: Capabilities, canDriveTime: Bool = false) -> [Check] {
        all.filter { capabilities.supported.isSuperset(of: $0.requires) && (canDriveTime || !$0.drivesTime) }
    }

    /// Every check there is.
    public static let all: [Check] =
        keysAndValues + versionsAndRefs + conditions + transactions + concurrency + leases + leaseDeadlines + locks
        + lockEvents + lockWaiting + listing + patterns + history + pastStates + streams + streamStarts + watchFilters
        + accesses + consumers + badInput + limits + compaction + requestIDs + touching + pruning + inspection
        + contentTypes + closing
}
