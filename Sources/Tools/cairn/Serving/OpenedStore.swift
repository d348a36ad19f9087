import Cairn
import CairnSettings
import Foundation

/// The store that the settings name, with what keeps its snapshots.
struct OpenedStore: Sendable {
    let store: Keyspace
    var snapshotted: SnapshottedStore?

    /// Opens the store, with snapshots if they are asked for.
    static func open(_ settings: Settings, options: KeyspaceOptions) async throws(StoreError) -> OpenedStore {
        let (url, readReplica) = (settings.text(.store) ?? "", settings.text(.readReplica))
        guard let place = settings.text(.snapshotTo) else {
            return OpenedStore(store: try await openStore(url, readReplica: readReplica, options: options))
        }
        guard try StoreURL(url).home == .memory, readReplica == nil else {
            throw StoreError(
                .invalidArgument, "--snapshot-to is for --store memory: alone; other stores keep what they hold")
        }
        let opened = try await openStore(
            snapshotsAt: place, snapshots: try snapshotOptions(settings), options: options)
        return OpenedStore(store: opened.store, snapshotted: opened)
    }

    private static func snapshotOptions(_ settings: Settings) throws(StoreError) -> SnapshotOptions {
        var snapshots = SnapshotOptions()
        if let name = settings.text(.snapshotName) { snapshots.server = name }
        if let interval = settings.duration(.snapshotInterval) {
            snapshots.interval = interval == .zero ? nil : interval
        }
        if let keep = settings.integer(.snapshotKeep) { snapshots.keep = keep }
        snapshots.startsFresh = settings.flag(.fresh)
        if let file = settings.text(.snapshotKeyFile) {
            snapshots.key = try SnapshotKey(file: file)
        } else if let text = ProcessInfo.processInfo.environment["CAIRN_SNAPSHOT_KEY"], !text.isEmpty {
            snapshots.key = try SnapshotKey(text: text)
        }
        return snapshots
    }

    /// Closes the store, and makes the last snapshot.
    func close() async throws(StoreError) {
        guard let snapshotted else { return await store.close() }
        try await snapshotted.close()
    }
}
