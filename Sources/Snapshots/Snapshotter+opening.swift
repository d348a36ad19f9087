package import CairnKeyspace
package import CairnMemory
package import CairnModel
package import Logging

// How a store begins: from the newest snapshot that is whole.
extension Snapshotter {
    /// The engine of the newest whole snapshot in `store`, or an empty one if there are no snapshots; and who makes
    /// the next, which has the table of the use of `keyMetricsCapacity` keys. Blocks.
    ///
    /// A broken snapshot is logged, and the one before it is used. Throws ``CairnModel/StoreError/Code/corrupted`` if
    /// all are broken; ``CairnModel/StoreError/Code/permissionDenied`` if the newest whole one needs a key that isn't
    /// there, or another; ``CairnModel/StoreError/Code/formatTooNew``; ``CairnModel/StoreError/Code/storageBusy`` if
    /// another server has the snapshots of that name; and what the place throws.
    package static func open(
        _ store: any SnapshotStore, options: SnapshotOptions, keyMetricsCapacity: Int = 0, clock: any WallClock,
        logger: Logger
    ) throws(StoreError) -> (engine: MemoryEngine, snapshotter: Snapshotter) {
        try options.check()
        // Before anything is read: what another server keeps later would not be in it.
        try store.own(options.server)
        let stored = try store.list(of: options.server)
        let newest = stored.last?.name
        var restored = Restored(
            engine: MemoryEngine(), keyMetrics: KeyMetricsTable(capacity: keyMetricsCapacity), name: nil)
        if options.startsFresh {
            if let newest {
                logger.warning("snapshots are there, and not used", metadata: ["newest": "\(newest.text)"])
            }
        } else if let found = try restore(
            stored, from: store, options: options, keyMetricsCapacity: keyMetricsCapacity, logger: logger)
        {
            restored = found
        }
        let snapshotter = Snapshotter(
            restored.engine, keyMetrics: restored.keyMetrics, in: store, options: options, newest: newest,
            isSaved: restored.name == newest, clock: clock, logger: logger)
        return (restored.engine, snapshotter)
    }

    /// What a store begins with.
    private struct Restored {
        var engine: MemoryEngine
        var keyMetrics: KeyMetricsTable?
        /// The snapshot that it is from.
        var name: SnapshotName?
    }

    private static func restore(
        _ stored: [StoredSnapshot], from store: any SnapshotStore, options: SnapshotOptions,
        keyMetricsCapacity: Int, logger: Logger
    ) throws(StoreError) -> Restored? {
        for snapshot in stored.reversed() {
            do throws(StoreError) {
                let reader = try SnapshotReader(snapshot, in: store, key: options.key)
                let header = reader.header
                let (engine, keyMetrics) = try reader.restore(keyMetricsCapacity: keyMetricsCapacity)
                logger.notice(
                    "restored a snapshot; what was written after it, if anything was, is lost",
                    metadata: [
                        "name": "\(snapshot.name.text)", "occasion": "\(header.occasion)",
                        "ref": "\(header.head.lastRef)",
                    ])
                return Restored(engine: engine, keyMetrics: keyMetrics, name: snapshot.name)
            } catch {
                var named = error
                named.message = "\(store.place): the snapshot \(snapshot.name.text): \(error.message)"
                guard SnapshotRules.mayPassOver(error) else { throw named }
                logger.error("a snapshot is broken; trying the one before it", metadata: ["error": "\(named)"])
            }
        }
        guard let newest = stored.last else { return nil }
        throw StoreError(
            .corrupted,
            "\(store.place): none of the \(stored.count) snapshots of \(options.server) is whole (the newest is "
                + "\(newest.name.text)). Bring back a copy of one, or start fresh to begin with an empty store.")
    }
}
