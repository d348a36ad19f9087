internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire
internal import SwiftProtobuf

/// `cairn.v1.Snapshots`: copies of a store in memory, made and listed.
struct SnapshotService: Sendable {
    /// Who makes them, if the server keeps any.
    let maker: (any SnapshotMaker)?

    func register(on router: inout RPCRouter) {
        router.unary("cairn.v1.Snapshots/Create") { (_: Cairn_V1_CreateSnapshotRequest, _) in
            try await answering { () throws(StoreError) in
                let snapshot = try await required().createSnapshot()
                return Cairn_V1_CreateSnapshotResponse.with { $0.snapshot = snapshot.wire }
            }
        }
        router.unary("cairn.v1.Snapshots/List") { (_: Cairn_V1_ListSnapshotsRequest, _) in
            try await answering { () throws(StoreError) in
                let snapshots = try await required().snapshots()
                return Cairn_V1_ListSnapshotsResponse.with { $0.snapshots = snapshots.map(\.wire) }
            }
        }
    }

    private func required() throws(StoreError) -> any SnapshotMaker {
        guard let maker else {
            throw StoreError(
                .unsupported, "this server keeps no snapshots: they are for memory:, and asked for with --snapshot-to")
        }
        return maker
    }
}
