internal import CairnModel
internal import CairnRPC
internal import CairnSecurity
internal import CairnWire
internal import Logging

/// Asks every call who makes it, before its handler runs.
///
/// Calls that may last are looked at again while they do. Who was let in is remembered with the connection. A call that
/// shows the same, while nothing has changed and it has not expired, may do without a task; any other is looked at
/// here, and refused here.
struct Gatekeeper: RPCServerInterceptor {
    let access: AccessControl
    let logger: Logger
    private let openCalls: OpenCalls

    init(access: AccessControl, logger: Logger) {
        self.access = access
        self.logger = logger
        openCalls = OpenCalls(logger: logger)
    }

    func intercept(_ context: RPCContext, next: @Sendable () async throws -> Void) async throws {
        let rule = MethodRule.of(context.method)
        if rule == .anybody { return try await next() }
        let admission: Admission
        let credentials = Credentials(
            authorization: context.metadata.texts("authorization"), certificate: context.peerCertificate)
        do throws(StoreError) {
            admission = try access.admission(showing: credentials)
            try rule.check(admission.principal)
            try remember(admission, context)
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
        try await Caller.$current.withValue(admission.principal) {
            guard MethodRule.lasting.contains(context.method) else { return try await next() }
            let call = OpenCall(context, showing: credentials, admitted: admission, by: access)
            try await openCalls.during(call) { try await next() }
        }
    }

    func admits(_ call: RPCDirectCall) -> Bool {
        guard let known = call.remembered as? KnownCaller, let authorization = call.metadata.oneAuthorization,
            known.authorization == authorization, access.stillHolds(known.admission)
        else { return false }
        do throws(StoreError) { try MethodRule.of(call.method).check(known.principal) } catch { return false }
        call.finding = known
        return true
    }

    private func remember(_ admission: Admission, _ context: RPCContext) throws(StoreError) {
        guard let authorization = context.metadata.oneAuthorization else { return }
        if let known = context.remembered as? KnownCaller, known.authorization == authorization,
            access.stillHolds(known.admission)
        {
            return
        }
        context.remembered = KnownCaller(
            authorization: authorization, admission: admission, clientID: try admission.principal.clientID(for: ""))
    }
}
