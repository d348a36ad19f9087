internal import CairnKeyspace
public import CairnModel
public import Metrics

/// How snapshots are made and kept.
public struct SnapshotOptions: Sendable {
    /// Whose snapshots they are; see ``CairnKeyspace/SnapshotName/isServerName(_:)``. A name belongs to one running
    /// store at a time.
    public var server = "cairn"
    /// How often to make one, if something has changed; `nil` for never.
    public var interval: Duration? = .seconds(30)
    /// How many are kept: the newest.
    public var keep = 5
    /// What to encrypt them with, if they shall be.
    public var key: SnapshotKey?
    /// Whether to begin with an empty store, although there are snapshots.
    public var startsFresh = false
    /// Who is told of the snapshots that are made; the store's, unless told otherwise.
    public var tracer: (any Tracer)?
    /// Where the snapshots are counted; where the store counts, unless told otherwise.
    public var metrics: (any MetricsFactory)?

    /// Every 30 seconds, five of them, in plain.
    public init() {}

    /// Throws ``CairnModel/StoreError/Code/invalidArgument`` for what makes no sense.
    public func check() throws(StoreError) {
        guard SnapshotName.isServerName(server) else {
            throw StoreError(
                .invalidArgument,
                "\"\(server)\" can't be the name of a server: use 1 to 64 letters, digits, and - _ . but not first a .")
        }
        guard keep >= 1 else { throw StoreError(.invalidArgument, "\(keep) snapshots can't be kept; the least is 1") }
        if let interval, interval < .milliseconds(1) {
            throw StoreError(.invalidArgument, "a snapshot every \(interval) is too often; the least is 1 ms")
        }
    }
}
