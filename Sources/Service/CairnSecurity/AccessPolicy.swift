internal import CairnModel

/// Who is known to a server: its tokens, certificates, and who may sign more tokens. A plain value, replaced as a
/// whole.
package struct AccessPolicy: Sendable {
    /// An entry, ready to be found.
    struct Known: Sendable {
        var principal: Principal
        var expires: Timestamp?

        /// The principal, if the entry is still good.
        func principal(now: Timestamp) throws(StoreError) -> Principal {
            if let expires, expires <= now {
                throw StoreError(
                    .tokenExpired,
                    "\"\(principal.name)\" expired at \(RFC3339.text(of: expires)); ask who runs the server for another"
                )
            }
            return principal
        }
    }

    private var byHash: [UInt64: [(hash: TokenHash, known: Known)]] = [:]
    private var byCertificate: [String: Known] = [:]
    /// For calls that show nothing.
    private(set) var anonymous: Principal?
    /// For tokens that have no entry.
    let jwt: JWTVerifier?

    /// Who the entries name, and whom `jwt` verifies.
    package init(entries: [TokenEntry] = [], jwt: JWTVerifier? = nil) {
        self.jwt = jwt
        let reserved = Set(entries.compactMap(\.clientID))
        for entry in entries {
            let known = Known(principal: entry.principal(reserved: reserved), expires: entry.expires)
            switch entry.proof {
            case .token(let hash): byHash[hash.start, default: []].append((hash, known))
            case .certificate(let name): byCertificate[name] = known
            case .nothing: anonymous = known.principal
            }
        }
    }

    /// Whether certificates need looking at.
    var knowsCertificates: Bool { !byCertificate.isEmpty }

    /// The entry of a token.
    func known(_ hash: TokenHash) -> Known? {
        byHash[hash.start]?.first { $0.hash.matches(hash) }?.known
    }

    /// The entry of a certificate with these names; the first name that has one counts.
    func known(certificate names: [String]) -> Known? {
        names.lazy.compactMap { byCertificate[$0] }.first
    }
}
