package import CairnModel
internal import Foundation
internal import Synchronization

/// Who was let in, and for how long that stands.
package struct Admission: Sendable {
    /// Who it is.
    package let principal: Principal
    /// When what was shown is no longer good; `nil` for never.
    let expires: Timestamp?
    /// The access that it was let in by: the number of the change that made it so.
    package let version: Int
}

/// Who may call a server. Its policy can be replaced while it serves; calls that may last look whether they still may.
package final class AccessControl: Sendable {
    private struct State {
        var policy: AccessPolicy
        /// Goes up with each policy, so that nothing that an old one let in is remembered for a new one.
        var generation = 0
        var adminClientIDs: Set<String>
        var verified: [TokenHash: JWTVerifier.Verified] = [:]
        var names: [[UInt8]: [String]] = [:]
    }

    /// How many verified tokens, and how many certificates, are remembered.
    static let remembered = 4_096

    /// Whether calls must show who makes them. Fixed when the server starts.
    package let isSecured: Bool
    private let now: @Sendable () -> Timestamp
    private let state: Mutex<State>
    /// Goes up with whatever changes who is let in, or as what.
    private let version = Atomic<Int>(0)

    /// The access of those whom `policy` knows, or of everybody without one. Those in `adminClientIDs` are admins, if
    /// they are who they say, or nobody is asked for it.
    package init(
        policy: AccessPolicy? = nil, adminClientIDs: Set<String> = [],
        now: @escaping @Sendable () -> Timestamp = {
            Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1e6))
        }
    ) {
        isSecured = policy != nil
        self.now = now
        state = Mutex(State(policy: policy ?? AccessPolicy(), adminClientIDs: adminClientIDs))
    }

    /// Replaces the policy, from the next call on.
    package func replace(policy: AccessPolicy) {
        state.withLock { state in
            state.policy = policy
            state.generation += 1
            state.verified = [:]
            version.add(1, ordering: .acquiringAndReleasing)
        }
    }

    /// Replaces the client ids that are admins.
    package func replace(adminClientIDs: Set<String>) {
        state.withLock { state in
            state.adminClientIDs = adminClientIDs
            version.add(1, ordering: .acquiringAndReleasing)
        }
    }

    /// Whether who shows the same again would be let in just so. Takes no lock.
    package func stillHolds(_ admission: Admission) -> Bool {
        guard version.load(ordering: .acquiring) == admission.version else { return false }
        return admission.expires.map { now() < $0 } ?? true
    }

    /// Who calls.
    ///
    /// Throws ``CairnModel/StoreError/Code/tokenMissing``, ``CairnModel/StoreError/Code/tokenInvalid`` or
    /// ``CairnModel/StoreError/Code/tokenExpired``. A token that isn't good is never as good as none.
    package func principal(showing credentials: Credentials) throws(StoreError) -> Principal {
        try admission(showing: credentials).principal
    }

    /// Who calls, and how long that stands. Throws as ``principal(showing:)`` does.
    package func admission(showing credentials: Credentials) throws(StoreError) -> Admission {
        // Before anything is looked at: what changes meanwhile must not be taken for known.
        let version = version.load(ordering: .acquiring)
        let (policy, generation, adminClientIDs) = state.withLock { ($0.policy, $0.generation, $0.adminClientIDs) }
        let now = now()
        var (principal, expires): (Principal, Timestamp?)
        if let token = try credentials.token() {
            (principal, expires) = try self.principal(of: token, policy, generation, now: now)
        } else {
            (principal, expires) = try self.principal(of: credentials.certificate, policy, now: now)
        }
        // The id is proven, not just said.
        if let id = principal.provenClientID, adminClientIDs.contains(id) { principal = principal.asAdmin }
        return Admission(principal: principal, expires: expires, version: version)
    }

    /// Whether `principal` may do what is for those who run the server; without a policy, whether `clientID`, which the
    /// caller gives, is one of theirs.
    ///
    /// Throws ``CairnModel/StoreError/Code/notAdmin`` or ``CairnModel/StoreError/Code/adminNotConfigured``.
    package func requireAdmin(_ principal: Principal?, clientID: String) throws(StoreError) {
        try Limits.standard.check(clientID: clientID)
        if isSecured {
            guard let principal else { throw StoreError(.notAdmin, "nobody is known to be calling") }
            return try principal.requireAdmin()
        }
        let adminClientIDs = state.withLock { $0.adminClientIDs }
        guard !adminClientIDs.isEmpty else {
            throw StoreError(
                .adminNotConfigured,
                "this server hasn't been told who may do this: start it with --tokens or --admin-client-ids")
        }
        guard adminClientIDs.contains(clientID) else {
            throw StoreError(
                .notAdmin, "client \"\(clientID)\" may not do this: it is not among the server's --admin-client-ids")
        }
    }

    private func principal(
        of token: String, _ policy: AccessPolicy, _ generation: Int, now: Timestamp
    ) throws(StoreError) -> (Principal, Timestamp?) {
        let hash = TokenHash(of: token)
        if let known = policy.known(hash) { return (try known.principal(now: now), known.expires) }
        guard let jwt = policy.jwt else { throw .invalidToken("the server doesn't know it") }
        // One that has expired since is verified again, which says so.
        if let verified = state.withLock({ $0.verified[hash] }), now < verified.expires {
            return (verified.principal, verified.expires)
        }
        let verified = try jwt.verify(token, now: now)
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.verified.count >= AccessControl.remembered {
                state.verified = state.verified.filter { now < $0.value.expires }
                if state.verified.count >= AccessControl.remembered { state.verified = [:] }
            }
            state.verified[hash] = verified
        }
        return (verified.principal, verified.expires)
    }

    private func principal(
        of certificate: [UInt8]?, _ policy: AccessPolicy, now: Timestamp
    ) throws(StoreError) -> (Principal, Timestamp?) {
        if policy.knowsCertificates, let certificate, let known = policy.known(certificate: names(of: certificate)) {
            return (try known.principal(now: now), known.expires)
        }
        if let anonymous = policy.anonymous { return (anonymous, nil) }
        let words = policy.knowsCertificates ? ", or a certificate that it knows" : ""
        throw StoreError(
            .tokenMissing, "this server wants a token\(words): give one with CAIRN_TOKEN or --token-file")
    }

    private func names(of certificate: [UInt8]) -> [String] {
        if let names = state.withLock({ $0.names[certificate] }) { return names }
        let names = CertificateNames.names(ofDER: certificate)
        state.withLock { state in
            if state.names.count >= AccessControl.remembered { state.names = [:] }
            state.names[certificate] = names
        }
        return names
    }

    /// How many verified tokens are remembered now.
    var rememberedTokens: Int { state.withLock { $0.verified.count } }
}
