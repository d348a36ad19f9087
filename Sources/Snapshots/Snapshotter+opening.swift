package import CairnKeyspace
package import CairnMemory
package import CairnModel
package import Logging

// How a store begins: from the newest snapshot that is whole.
extension Snapshotter {
    /// The engine of the newest whole snapshot in `store`, or an empty one if there are no snapshots; and who makes
    /// the next. Blocks.
    ///
    /// A broken snapshot is logged, and the one before it is used. Throws ``CairnModel/StoreError/Code/corrupted`` if
    /// all are broken; ``CairnModel/StoreError/Code/permissionDenied`` if the newest whole one needs a key that isn't
    /// there, or another; ``CairnModel/StoreError/Code/formatTooNew``; and what the place throws.
    package static func open(
        _ store: any SnapshotStore, options: SnapshotOptions, clock: any WallClock, logger: Logger
    ) throws(StoreError) -> (engine: MemoryEngine, snapshotter: Snapshotter) {
        try options.check()
        let stored = try store.list(of: options.server)
        let newest = stored.last?.name
        var engine = MemoryEngine()
        var restored: SnapshotName?
        if options.startsFresh {
            if let newest {
                logger.warning("snapshots are there, and not used", metadata: ["newest": "\(newest.text)"])
            }
        } else if let found = try restore(stored, from: store, options: options, logger: logger) {
            (engine, restored) = found
        }
        let snapshotter = Snapshotter(
            engine, in: store, options: options, newest: newest, isSaved: restored == newest, clock: clock,
            logger: logger)
        return (engine, snapshotter)
    }

    private static func restore(
        _ stored: [StoredSnapshot], from store: any SnapshotStore, options: SnapshotOptions, logger: Logger
    ) throws(StoreError) -> (MemoryEngine, SnapshotName)? {
        for snapshot in stored.reversed() {
            do throws(StoreError) {
                let reader = try SnapshotReader(snapshot, in: store, key: options.key)
                let header = reader.header
                let engine = try reader.restore()
                logger.notice(
                    "restored a snapshot; what was written after it, if anything was, is lost",
                    metadata: [
                        "name": "\(snapshot.name.text)", "occasion": "\(header.occasion)",
                        "ref": "\(header.head.lastRef)",
                    ])
                return (engine, snapshot.name)
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
