internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire
internal import SwiftProtobuf

/// `cairn.v1.Leases`: lifetimes shared by keys.
struct LeaseService: Sendable {
    let store: any Store

    func register(on router: inout RPCRouter) {
        router.unary("cairn.v1.Leases/Grant") { request, _ in try await grant(request) }
        router.unary("cairn.v1.Leases/Show") { request, _ in try await show(request) }
        router.unary("cairn.v1.Leases/List") { request, _ in try await list(request) }
        router.unary("cairn.v1.Leases/KeepAlive") { request, _ in try await keepAlive(request) }
        router.unary("cairn.v1.Leases/Expire") { request, _ in try await expire(request) }
        router.bidirectional("cairn.v1.Leases/KeepAliveStream", endsOnDrain: true) {
            (requests: RPCRequestStream<Cairn_V1_KeepAliveRequest>, responses, _) in
            for try await request in requests { try await responses.write(try await keepAlive(request)) }
        }
    }

    private func grant(_ request: Cairn_V1_GrantLeaseRequest) async throws -> Cairn_V1_LeaseResponse {
        try await answering { () throws(StoreError) in
            let lease = try await store.grantLease(
                id: request.id == 0 ? nil : LeaseID(request.id),
                duration: request.hasDurationUs ? .microseconds(request.durationUs) : nil,
                requestID: try RequestID.wire(request.requestID))
            return .with { $0.lease = lease.wire }
        }
    }

    private func show(_ request: Cairn_V1_ShowLeaseRequest) async throws -> Cairn_V1_LeaseResponse {
        try await answering { () throws(StoreError) in
            let id = LeaseID(request.id)
            guard let status = try await store.lease(id, withKeys: request.keys) else { throw .leaseNotFound(id) }
            return .with { $0.lease = status.wire }
        }
    }

    private func list(_ request: Cairn_V1_ListLeasesRequest) async throws -> Cairn_V1_ListLeasesResponse {
        try await answering { () throws(StoreError) in
            let limit = request.limit == 0 ? store.limits.pageEntries : Int(request.limit)
            let leases = try await store.leases(from: LeaseID(request.from), limit: limit)
            return .with { $0.leases = leases.map(\.wire) }
        }
    }

    private func keepAlive(_ request: Cairn_V1_KeepAliveRequest) async throws -> Cairn_V1_LeaseResponse {
        try await answering { () throws(StoreError) in
            let lease = try await store.keepAlive(
                LeaseID(request.id), expiry: request.hasExpiry ? Expiry(wire: request.expiry) : .keep)
            return .with { $0.lease = lease.wire }
        }
    }

    private func expire(_ request: Cairn_V1_ExpireLeaseRequest) async throws -> Cairn_V1_ExpireLeaseResponse {
        try await answering { () throws(StoreError) in
            let records = try await store.expireLease(
                LeaseID(request.id), if: try conditions(request.conditions, on: nil), clientID: request.clientID,
                requestID: try RequestID.wire(request.requestID))
            return .with { $0.records = records.map { $0.wire(withValue: false) } }
        }
    }
}
