/// A copy of a store that lives in memory, as it was at one moment.
public struct Snapshot: Hashable, Sendable {
    /// What a snapshot was made for.
    public enum Occasion: UInt8, Hashable, Sendable, CaseIterable {
        /// The time had come, and something had changed.
        case interval = 1
        /// Somebody asked for it.
        case request = 2
        /// The store was closed.
        case shutdown = 3
    }

    /// The snapshot's name, which sorts after those of older ones.
    public var name: String
    /// When it was made: all that was acknowledged before is in it.
    public var time: Timestamp
    /// The last event in it.
    public var headRef: Ref
    /// What it was made for.
    public var occasion: Occasion
    /// Whether only who has the key can read it.
    public var isEncrypted: Bool
    /// Its size in bytes.
    public var byteCount: Int64

    /// A snapshot with each of its fields.
    public init(
        name: String, time: Timestamp, headRef: Ref, occasion: Occasion, isEncrypted: Bool, byteCount: Int64
    ) {
        self.name = name
        self.time = time
        self.headRef = headRef
        self.occasion = occasion
        self.isEncrypted = isEncrypted
        self.byteCount = byteCount
    }
}

extension Snapshot.Occasion: CustomStringConvertible {
    /// In words: `interval`, `request` or `shutdown`.
    public var description: String {
        switch self {
        case .interval: "interval"
        case .request: "request"
        case .shutdown: "shutdown"
        }
    }
}

/// Makes and lists snapshots of a store: where it runs, or over a network.
public protocol SnapshotMaker: Sendable {
    /// Makes a snapshot now. When this returns, what was acknowledged before the call is in it, and it is as durable as
    /// the place where snapshots are kept.
    ///
    /// Throws ``StoreError/Code/storageFull`` and its siblings; then the older ones are as they were.
    func createSnapshot() async throws(StoreError) -> Snapshot

    /// The snapshots that are kept, oldest first. One whose beginning is broken is left out.
    func snapshots() async throws(StoreError) -> [Snapshot]
}
