internal import CairnModel
internal import CairnRPC
internal import CairnSecurity
internal import CairnWire
internal import Logging

/// Asks every call who makes it, before its handler runs.
struct Gatekeeper: RPCServerInterceptor {
    let access: AccessControl
    let logger: Logger

    func intercept(_ context: RPCContext, next: @Sendable () async throws -> Void) async throws {
        let rule = MethodRule.of(context.method)
        if rule == .anybody { return try await next() }
        let principal: Principal
        do throws(StoreError) {
            principal = try access.principal(
                showing: Credentials(
                    authorization: context.metadata.texts("authorization"), certificate: context.peerCertificate))
            try rule.check(principal)
        } catch {
            // Not louder: anybody can make it happen as often as they like. The metrics count it by status.
            logger.debug(
                "call refused",
                metadata: [
                    "method": "\(context.method)", "reason": "\(error.code.rawValue)",
                    "peer": "\(context.peerAddress?.description ?? "unknown")",
                ])
            throw RPCError(error)
        }
        try await Caller.$current.withValue(principal) { try await next() }
    }
}
