internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnSecurity
internal import CairnWire
internal import SwiftProtobuf

/// `cairn.v1.Inspection`: what is known of a key besides its value.
struct InspectionService: Sendable {
    let store: any Store
    /// Who counts how keys are used, if anybody does.
    let metrics: (any KeyMetricsSource)?
    let access: AccessControl

    func register(on router: inout RPCRouter) {
        router.unary("cairn.v1.Inspection/Inspect") { request, _ in try await inspect(request) }
        router.unary("cairn.v1.Inspection/GetKeyMetrics") { request, _ in try await keyMetrics(request) }
        router.unary("cairn.v1.Inspection/ListHottestKeys") { request, _ in try await hottestKeys(request) }
    }

    private func inspect(_ request: Cairn_V1_InspectRequest) async throws -> Cairn_V1_InspectResponse {
        try await answering { () throws(StoreError) in
            let key = Key(wire: request.key)
            // First, so that they don't count this call.
            let metrics = request.withMetrics ? try await knownMetrics(of: key) : nil
            guard
                let inspection = try await store.inspect(
                    key, withValue: request.withValue, clientID: request.clientID)
            else { throw .keyNotFound(key) }
            var response = inspection.wire
            if let metrics { response.metrics = metrics.wire }
            return response
        }
    }

    /// A key's metrics; `nil` also where nothing is counted.
    private func knownMetrics(of key: Key) async throws(StoreError) -> KeyMetrics? {
        try requireRead(key)
        do throws(StoreError) {
            return try await metrics?.keyMetrics(of: key)
        } catch {
            if error.code == .unsupported { return nil }
            throw error
        }
    }

    private func keyMetrics(
        _ request: Cairn_V1_GetKeyMetricsRequest
    ) async throws -> Cairn_V1_GetKeyMetricsResponse {
        try await answering { () throws(StoreError) in
            let key = Key(wire: request.key)
            try requireRead(key)
            guard let known = try await source().keyMetrics(of: key) else {
                throw StoreError(.keyNotFound, "nothing is known of the use of key \(key)", key: key)
            }
            return .with { $0.metrics = known.wire }
        }
    }

    private func hottestKeys(
        _ request: Cairn_V1_ListHottestKeysRequest
    ) async throws -> Cairn_V1_ListHottestKeysResponse {
        try await answering { () throws(StoreError) in
            if access.isSecured { try Caller.required().requireRead(.all) }
            let keys = try await source().hottestKeys(limit: request.limit == 0 ? 10 : Int(request.limit))
            return .with { $0.keys = keys.map(\.wire) }
        }
    }

    private func source() throws(StoreError) -> any KeyMetricsSource {
        guard let metrics else { throw StoreError(.unsupported, "this server does not count how keys are used") }
        return metrics
    }

    /// How a key is used isn't in the store, which would ask otherwise.
    private func requireRead(_ key: Key) throws(StoreError) {
        if access.isSecured { try Caller.required().requireRead(key) }
    }
}
