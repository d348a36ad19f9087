internal import CairnModel

/// What a call shows of who makes it.
package struct Credentials: Hashable, Sendable {
    /// The values of its `authorization` metadata.
    package var authorization: [String]
    /// The client's certificate in DER, verified by TLS.
    package var certificate: [UInt8]?

    /// These credentials.
    package init(authorization: [String] = [], certificate: [UInt8]? = nil) {
        self.authorization = authorization
        self.certificate = certificate
    }

    /// The token, or `nil` if none is shown. Throws ``CairnModel/StoreError/Code/tokenInvalid`` for anything but one
    /// bearer token (RFC 6750, section 2.1).
    func token() throws(StoreError) -> String? {
        guard let value = authorization.first else { return nil }
        guard authorization.count == 1 else { throw .invalidToken("there are several") }
        let parts = value.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw .invalidToken("write authorization: Bearer TOKEN")
        }
        return String(parts[1])
    }
}
