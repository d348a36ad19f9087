import Crypto
import CryptoExtras
import Foundation

@testable import CairnSecurity

/// A JSON Web Token, put together by hand, so that it can be as wrong as one likes.
struct MadeToken {
    var header = #"{"alg":"HS256","typ":"JWT"}"#
    var claims = #"{"sub":"web","exp":2000}"#

    /// The token with what `sign` makes of its first two parts.
    func signed(_ sign: (Data) throws -> Data) rethrows -> String {
        let start = Base64URL.encode(header.utf8) + "." + Base64URL.encode(claims.utf8)
        return start + "." + Base64URL.encode(try sign(Data(start.utf8)))
    }

    /// The token, signed with a secret.
    func signed(secret: String) -> String {
        signed { Data(HMAC<SHA256>.authenticationCode(for: $0, using: SymmetricKey(data: Data(secret.utf8)))) }
    }

    /// The token, signed with a key on a curve.
    func signed(key: P256.Signing.PrivateKey) throws -> String {
        try signed { try key.signature(for: $0).rawRepresentation }
    }

    /// The token, signed with an RSA key.
    func signed(key: _RSA.Signing.PrivateKey) throws -> String {
        try signed {
            try key.signature(for: SHA256.hash(data: $0), padding: .insecurePKCS1v1_5).rawRepresentation
        }
    }
}

/// A secret that is long enough.
let secret = "0123456789abcdef0123456789abcdef"

extension JWTVerifier {
    /// A verifier with the key that a file with this text has.
    init(_ key: String, issuer: String? = nil, audience: String? = nil) async throws {
        self.init(keys: try await JWTKeys(Array(key.utf8), path: "key"), issuer: issuer, audience: audience)
    }
}
