public import CairnModel
internal import CairnProtocol
internal import CairnWire
internal import SwiftProtobuf

extension CairnClient: KeyPruner {
    /// Has the server prune keys until there are `count`, and returns how many it was.
    public func prune(
        to count: Int, ignoring ignored: [Key] = [], clientID: String = ""
    ) async throws(StoreError) -> Int {
        // To prune to a count twice is the same as once.
        let response: Cairn_V1_PruneResponse = try await calls.unary(
            "cairn.v1.Admin/Prune",
            Cairn_V1_PruneRequest.with {
                $0.pruneTo = Int64(count)
                $0.ignoreKeys = ignored.map(\.wire)
                $0.clientID = name(or: clientID)
            }, isSafe: true)
        return Int(response.pruned)
    }
}

/// A client that has given a server its name.
public struct KnownClient: Hashable, Sendable {
    /// The name.
    public var id: String
    /// When the server first saw it.
    public var firstSeen: Timestamp
    /// When the server last saw it.
    public var lastSeen: Timestamp
    /// Its reads, lists, writes and locks.
    public var calls: Int64
}

extension CairnClient {
    /// The clients that have given the server their name since it started, the last seen first; the server remembers
    /// ten thousand. At most `limit`, or all.
    public func knownClients(limit: Int? = nil) async throws(StoreError) -> [KnownClient] {
        let limit = try limit?.checkedAsLimit() ?? 0
        let response: Cairn_V1_ListClientsResponse = try await calls.unary(
            "cairn.v1.Admin/ListClients", Cairn_V1_ListClientsRequest.with { $0.limit = Int32(clamping: limit) },
            isSafe: true)
        return response.clients.map {
            KnownClient(
                id: $0.id, firstSeen: Timestamp(microseconds: $0.firstSeenUs),
                lastSeen: Timestamp(microseconds: $0.lastSeenUs), calls: $0.calls)
        }
    }
}
