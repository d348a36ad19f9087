public import CairnModel
internal import CairnProtocol
internal import CairnWire
internal import SwiftProtobuf

extension CairnClient {
    /// What there is to tell of a live key, as of one moment, or `nil`.
    public func inspect(
        _ key: Key, withValue: Bool, clientID: String
    ) async throws(StoreError) -> KeyInspection? {
        try await inspectWithMetrics(key, asked: false, withValue: withValue, clientID: clientID)?.inspection
    }

    /// The same, with what the server knows of the key's use before this call; without it where it knows nothing.
    public func inspectWithMetrics(
        _ key: Key, withValue: Bool = false, clientID: String = ""
    ) async throws(StoreError) -> (inspection: KeyInspection, metrics: KeyMetrics?)? {
        try await inspectWithMetrics(key, asked: true, withValue: withValue, clientID: clientID)
    }

    private func inspectWithMetrics(
        _ key: Key, asked: Bool, withValue: Bool, clientID: String
    ) async throws(StoreError) -> (inspection: KeyInspection, metrics: KeyMetrics?)? {
        let request = Cairn_V1_InspectRequest.with {
            $0.key = key.wire
            $0.withValue = withValue
            $0.withMetrics = asked
            $0.clientID = name(or: clientID)
        }
        do throws(StoreError) {
            let response: Cairn_V1_InspectResponse = try await calls.unary(
                "cairn.v1.Inspection/Inspect", request, isSafe: true)
            return (KeyInspection(wire: response), response.hasMetrics ? KeyMetrics(wire: response.metrics) : nil)
        } catch {
            if error.code == .keyNotFound { return nil }
            throw error
        }
    }
}

extension CairnClient: KeyMetricsSource {
    /// How the server has seen a key used, or `nil` if it knows nothing of it.
    public func keyMetrics(of key: Key) async throws(StoreError) -> KeyMetrics? {
        do throws(StoreError) {
            let response: Cairn_V1_GetKeyMetricsResponse = try await calls.unary(
                "cairn.v1.Inspection/GetKeyMetrics", Cairn_V1_GetKeyMetricsRequest.with { $0.key = key.wire },
                isSafe: true)
            return KeyMetrics(wire: response.metrics)
        } catch {
            if error.code == .keyNotFound { return nil }
            throw error
        }
    }

    /// The keys that are used most just now, as the server has seen it.
    public func hottestKeys(limit: Int) async throws(StoreError) -> [HotKey] {
        try HotKey.check(limit: limit)
        let response: Cairn_V1_ListHottestKeysResponse = try await calls.unary(
            "cairn.v1.Inspection/ListHottestKeys", Cairn_V1_ListHottestKeysRequest.with { $0.limit = Int32(limit) },
            isSafe: true)
        return response.keys.map(HotKey.init(wire:))
    }
}
