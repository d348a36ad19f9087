internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire
internal import SwiftProtobuf

/// `cairn.v1.Locks`: clients' holds on keys.
struct LockService: Sendable {
    let store: any Store

    func register(on router: inout RPCRouter) {
        router.unary("cairn.v1.Locks/Lock") { request, _ in try await lock(request) }
        router.unary("cairn.v1.Locks/Unlock") { request, _ in try await unlock(request) }
        router.unary("cairn.v1.Locks/Show") { request, _ in try await show(request) }
        router.unary("cairn.v1.Locks/List") { request, _ in try await list(request) }
    }

    private func lock(_ request: Cairn_V1_LockRequest) async throws -> Cairn_V1_LockResponse {
        try await answering { () throws(StoreError) in
            let lock = try await store.acquireLock(
                LockRequest(
                    Key(wire: request.key), for: .microseconds(request.durationUs),
                    mode: Lock.Mode(wire: request.mode), createIfMissing: request.createIfMissing,
                    clientID: request.clientID, wait: request.waitUs < 0 ? nil : .microseconds(request.waitUs),
                    requestID: try RequestID.wire(request.requestID)))
            return .with { $0.lock = lock.wire }
        }
    }

    private func unlock(_ request: Cairn_V1_UnlockRequest) async throws -> Cairn_V1_UnlockResponse {
        try await answering { () throws(StoreError) in
            try await store.unlock(
                Key(wire: request.key), clientID: request.clientID,
                requestID: try RequestID.wire(request.requestID))
            return Cairn_V1_UnlockResponse()
        }
    }

    private func show(_ request: Cairn_V1_ShowLockRequest) async throws -> Cairn_V1_LockResponse {
        try await answering { () throws(StoreError) in
            let status = try await store.lock(of: Key(wire: request.key))
            return .with { if let status { $0.lock = status.wire } }
        }
    }

    private func list(_ request: Cairn_V1_ListLocksRequest) async throws -> Cairn_V1_ListLocksResponse {
        try await answering { () throws(StoreError) in
            let limit = request.limit == 0 ? store.limits.pageEntries : Int(request.limit)
            let locks = try await store.locks(from: Ref(request.from), limit: limit)
            return .with { $0.locks = locks.map(\.wire) }
        }
    }
}
