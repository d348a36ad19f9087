package import CairnKeyspace
package import CairnModel

/// What is decided about snapshots, without a clock or a file.
package enum SnapshotRules {
    /// The snapshots to remove so that the `keep` newest stay, oldest first.
    package static func surplus(_ snapshots: [StoredSnapshot], keep: Int) -> [SnapshotName] {
        Array(snapshots.map(\.name).sorted().dropLast(max(keep, 1)))
    }

    /// The time in the name of a snapshot made at `now`: after every other, also when the clock has gone back.
    package static func time(at now: Timestamp, after newest: Timestamp?) -> Timestamp {
        guard let newest, now <= newest else { return now }
        return newest + .microseconds(1)
    }

    /// Whether a snapshot that could not be read for this reason may be passed over for the one before it.
    ///
    /// Only one that is broken: with a wrong key, a newer format, or a database that is away, the newest is still good,
    /// and to start from an older one would lose what is in it.
    package static func mayPassOver(_ error: StoreError) -> Bool { error.code == .corrupted }
}
