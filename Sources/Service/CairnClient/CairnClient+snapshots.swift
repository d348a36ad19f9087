public import CairnModel
internal import CairnProtocol
internal import CairnWire

extension CairnClient: SnapshotMaker {
    /// Has the server make a snapshot now.
    ///
    /// Throws ``CairnModel/StoreError/Code/unsupported`` if it keeps none.
    public func createSnapshot() async throws(StoreError) -> Snapshot {
        let response: Cairn_V1_CreateSnapshotResponse = try await calls.unary(
            "cairn.v1.Snapshots/Create", Cairn_V1_CreateSnapshotRequest(), isSafe: false)
        return Snapshot(wire: response.snapshot)
    }

    /// The snapshots that the server keeps, oldest first.
    ///
    /// Throws ``CairnModel/StoreError/Code/unsupported`` if it keeps none.
    public func snapshots() async throws(StoreError) -> [Snapshot] {
        let response: Cairn_V1_ListSnapshotsResponse = try await calls.unary(
            "cairn.v1.Snapshots/List", Cairn_V1_ListSnapshotsRequest(), isSafe: true)
        return response.snapshots.map(Snapshot.init(wire:))
    }
}
