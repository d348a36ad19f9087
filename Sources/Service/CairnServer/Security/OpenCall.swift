internal import CairnModel
internal import CairnRPC
internal import CairnSecurity
internal import CairnWire
internal import Synchronization

/// A call that may last, and who makes it: what it was let in with is looked at again for as long as it goes on.
///
/// Its handler asks it who calls, and leaves with it what the call needs all the while, such as to read what it
/// watches. The ``OpenCalls`` end it once one of these no longer holds.
final class OpenCall: Sendable {
    /// Throws if the principal may not do what the call does.
    typealias Need = @Sendable (Principal) throws(StoreError) -> Void

    private struct State {
        var admission: Admission
        var needs: [Need] = []
    }

    private let context: RPCContext
    private let credentials: Credentials
    private let access: AccessControl
    private let rule: MethodRule
    private let state: Mutex<State>

    init(
        _ context: RPCContext, showing credentials: Credentials, admitted admission: Admission, by access: AccessControl
    ) {
        self.context = context
        self.credentials = credentials
        self.access = access
        rule = MethodRule.of(context.method)
        state = Mutex(State(admission: admission))
    }

    /// Who calls, by what holds now. Throws why it would not be let in any more, or no longer may do what it does.
    func principal() throws(StoreError) -> Principal {
        let known = state.withLock { $0.admission }
        if access.stillHolds(known) { return known.principal }
        let admission = try access.admission(showing: credentials)
        try rule.check(admission.principal)
        // Noted before the needs are read: one that is added meanwhile is held against it by who adds it.
        let needs = state.withLock { state in
            if admission.version >= state.admission.version { state.admission = admission }
            return state.needs
        }
        for need in needs { try need(admission.principal) }
        return admission.principal
    }

    /// Who calls, if it may do what `need` asks for; and ends the call when it no longer may.
    func principal(toKeep need: @escaping Need) throws(StoreError) -> Principal {
        state.withLock { $0.needs.append(need) }
        let principal = try principal()
        try need(principal)
        return principal
    }

    /// Ends the call if who makes it no longer may; returns whether it did.
    func endIfRefused() -> Bool {
        do throws(StoreError) {
            _ = try principal()
            return false
        } catch {
            var error = error
            error.message = "the call ends, as it would be refused by now: \(error.message)"
            context.end(RPCError(error))
            return true
        }
    }
}
