package import CairnModel

/// One entry of a file of tokens: who somebody is known by, and what they may do.
package struct TokenEntry: Hashable, Sendable {
    /// What somebody shows to be taken for the entry's principal.
    package enum Proof: Hashable, Sendable {
        /// The token with this hash.
        case token(TokenHash)
        /// A client certificate with this name, from an authority that the server trusts.
        case certificate(String)
        /// Nothing: the entry is for calls that show nothing.
        case nothing
    }

    /// The name of the entry that is for calls without a token or certificate.
    package static let anonymous = "anonymous"

    /// The name, for people.
    package var name: String
    /// What is shown.
    package var proof: Proof
    /// Whether it may do what is for those who run the server.
    package var isAdmin = false
    /// What it may do.
    package var permissions = Permissions.none
    /// When it is no longer good; `nil` for never.
    package var expires: Timestamp?
    /// The one client id that it may give; `nil` for any that is no other entry's.
    package var clientID: String?

    /// An entry that may do nothing yet.
    package init(name: String, proof: Proof) {
        self.name = name
        self.proof = proof
    }

    /// The principal, where these client ids belong to others.
    func principal(reserved: Set<String>) -> Principal {
        Principal(
            name: name, permissions: permissions, isAdmin: isAdmin,
            clientIDs: clientID.map { .only($0) } ?? .any(except: reserved), isAnonymous: proof == .nothing)
    }
}
