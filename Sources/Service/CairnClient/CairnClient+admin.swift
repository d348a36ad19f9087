public import CairnModel
internal import CairnProtocol
internal import CairnWire
internal import SwiftProtobuf

// What is for those who run the server.
extension CairnClient {
    /// Lets the server refuse writes, or take them again; tells whether it refused them before. Reads and streams go
    /// on. The server forgets it when it ends.
    ///
    /// Throws ``CairnModel/StoreError/Code/notAdmin`` or ``CairnModel/StoreError/Code/adminNotConfigured``.
    @discardableResult
    public func setReadOnly(_ isReadOnly: Bool) async throws(StoreError) -> Bool {
        let response: Cairn_V1_SetReadOnlyResponse = try await calls.unary(
            "cairn.v1.Admin/SetReadOnly",
            Cairn_V1_SetReadOnlyRequest.with {
                $0.readOnly = isReadOnly
                $0.clientID = name(or: "")
            }, isSafe: true)
        return response.wasReadOnly
    }

    /// Stops the server: streams end, calls under way finish. Returns when it has begun to stop.
    ///
    /// Throws ``CairnModel/StoreError/Code/notAdmin`` or ``CairnModel/StoreError/Code/adminNotConfigured``.
    public func shutdownServer() async throws(StoreError) {
        let _: Cairn_V1_ShutdownResponse = try await calls.unary(
            "cairn.v1.Admin/Shutdown", Cairn_V1_ShutdownRequest.with { $0.clientID = name(or: "") }, isSafe: false)
    }
}
