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
        // By bytes, as this is done for each call, and letters of a String are costly.
        let scheme = value.utf8.prefix(6)
        let rest = value.utf8.dropFirst(6)
        let token = rest.drop { $0 == UInt8(ascii: " ") }
        guard scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }), rest.first == UInt8(ascii: " "),
            !token.isEmpty, !token.contains(UInt8(ascii: " "))
        else { throw .invalidToken("write authorization: Bearer TOKEN") }
        return String(Substring(token))
    }
}
