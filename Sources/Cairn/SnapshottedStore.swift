public import CairnKeyspace
internal import CairnMemory
public import CairnModel
public import CairnSnapshots
internal import Synchronization

/// A store in memory that begins with its newest snapshot, and is kept in snapshots.
///
/// What was acknowledged after the newest snapshot is lost when the process or the machine ends without ``close()``.
public final class SnapshottedStore: Sendable {
    /// The store. Close it with ``close()`` of this object, not by itself.
    public let store: Keyspace
    private let snapshotter: Snapshotter
    private let running: Task<Void, Never>
    private let isClosed = Atomic<Bool>(false)

    /// Makes and lists snapshots.
    public var snapshots: any SnapshotMaker { snapshotter }

    init(_ store: Keyspace, _ snapshotter: Snapshotter) {
        self.store = store
        self.snapshotter = snapshotter
        // Unstructured, because it lives as long as the store; `close` ends it.
        running = Task { await snapshotter.run() }
    }

    /// Closes the store, and then makes the last snapshot if something has changed since the one before, or a key was
    /// used where that is counted. Further calls do nothing.
    ///
    /// Throws what kept that from being made: then what has changed is lost with the process.
    public func close() async throws(StoreError) {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        running.cancel()
        await running.value
        await store.close()
        try await snapshotter.finish()
    }
}

/// Opens a store in memory that is kept in snapshots at `place`: `file:FOLDER`, `sqlite:PATH` or `postgres://…`.
///
/// It begins with the newest snapshot of ``CairnSnapshots/SnapshotOptions/server`` that is whole; one that is broken is
/// logged, and the one before it is used.
///
///     let opened = try await openStore(snapshotsAt: "file:./snapshots")
///     try await opened.store.set("greeting", "hello")
///     try await opened.close()
///
/// Throws ``CairnModel/StoreError/Code/corrupted`` if there are snapshots and all are broken;
/// ``CairnModel/StoreError/Code/permissionDenied`` if the newest needs another key;
/// ``CairnModel/StoreError/Code/formatTooNew``, ``CairnModel/StoreError/Code/invalidArgument``,
/// ``CairnModel/StoreError/Code/invalidURL``, and what the place says of itself.
public func openStore(
    snapshotsAt place: String, snapshots: SnapshotOptions = SnapshotOptions(),
    options: KeyspaceOptions = KeyspaceOptions()
) async throws(StoreError) -> SnapshottedStore {
    var snapshots = snapshots
    if snapshots.tracer == nil { snapshots.tracer = options.tracer }
    if snapshots.metrics == nil { snapshots.metrics = options.metrics }
    let asked = snapshots
    let opened = await BlockingCall.run(name: "cairn-open") { () -> Result<OpenedMemory, StoreError> in
        do throws(StoreError) {
            let home = try SnapshotPlace.open(place)
            do throws(StoreError) {
                let (engine, snapshotter) = try Snapshotter.open(
                    home, options: asked, keyMetricsCapacity: options.keyMetricsCapacity, clock: options.clock,
                    logger: options.logger)
                return .success(OpenedMemory(engine: engine, snapshotter: snapshotter))
            } catch {
                home.close()
                throw error
            }
        } catch {
            return .failure(error)
        }
    }
    let memory = try opened.get()
    let store = try await Keyspace.open(options: options, keyMetrics: memory.snapshotter.keyMetrics) {
        () throws(StoreError) in memory.engine
    }
    return SnapshottedStore(store, memory.snapshotter)
}

private struct OpenedMemory: Sendable {
    let engine: MemoryEngine
    let snapshotter: Snapshotter
}
