package import CairnModel
internal import Foundation
internal import JWTKit

/// Tells whether a JSON Web Token is good, and for whom (RFC 7519).
package struct JWTVerifier: Sendable {
    /// A token that is good.
    package struct Verified: Sendable {
        /// For whom.
        package var principal: Principal
        /// When it no longer is.
        package var expires: Timestamp
    }

    /// How far the issuer's clock may be ahead of ours, for tokens that aren't good yet. One that has expired has.
    private static let leeway = Duration.seconds(60)

    private let keys: JWTKeys
    private let issuer: String?
    private let audience: String?

    /// A verifier of tokens that are signed with one of `keys`; from `issuer` and for `audience`, if they are given.
    package init(keys: JWTKeys, issuer: String? = nil, audience: String? = nil) {
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
    }

    /// The principal that a token is good for at `now`.
    ///
    /// Throws ``CairnModel/StoreError/Code/tokenInvalid`` or ``CairnModel/StoreError/Code/tokenExpired``.
    package func verify(_ token: String, now: Timestamp) throws(StoreError) -> Verified {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = JWTVerifier.decode(Header.self, parts[0]),
            let signature = Base64URL.decode(parts[2])
        else { throw .invalidToken("it is neither a token that the server has nor a JSON Web Token") }
        guard header.crit == nil else {
            throw .invalidToken("its header has critical fields that the server doesn't know")
        }
        // The algorithms are the keys': "none", or HMAC with a public key as the secret, isn't among them.
        let algorithms = keys.keys.filter { $0.id == nil || header.kid == nil || $0.id == header.kid }
            .compactMap { $0.algorithms[header.alg] }
        guard !algorithms.isEmpty else {
            throw .invalidToken("the server has no key for its algorithm and key id")
        }
        let signed = Array((parts[0] + "." + parts[1]).utf8)
        guard algorithms.contains(where: { (try? $0.verify(signature, signs: signed)) == true }) else {
            throw .invalidToken("its signature isn't from a key that the server has")
        }
        guard let claims = JWTVerifier.decode(Claims.self, parts[1]) else {
            throw .invalidToken("its claims can't be understood")
        }
        return try check(claims, now: now)
    }

    private func check(_ claims: Claims, now: Timestamp) throws(StoreError) -> Verified {
        guard let expires = claims.exp.flatMap({ JWTVerifier.time($0) }) else {
            throw .invalidToken("it has no exp: it would be good for ever")
        }
        guard now < expires else {
            throw StoreError(.tokenExpired, "the token expired at \(RFC3339.text(of: expires)); get a new one")
        }
        if let nbf = claims.nbf {
            guard let begins = JWTVerifier.time(nbf) else { throw .invalidToken("its nbf is no time") }
            guard begins <= now + JWTVerifier.leeway else {
                throw .invalidToken("it isn't good before \(RFC3339.text(of: begins))")
            }
        }
        if let issuer, claims.iss != issuer { throw .invalidToken("it isn't from \"\(issuer)\"") }
        if let audience, claims.aud?.names.contains(audience) != true {
            throw .invalidToken("it isn't for \"\(audience)\"")
        }
        let most = Limits.standard.nameBytes - Principal.subjectMark.utf8.count
        guard let name = claims.sub, !name.isEmpty, name.utf8.count <= most else {
            throw .invalidToken("its sub isn't a name of 1 to \(most) bytes")
        }
        let rights = claims.cairn
        let permissions = Permissions(
            (rights?.permissions ?? []).map { Permissions.Rule(Key($0.prefix), $0.allow) },
            consumers: rights?.consumers ?? [])
        return Verified(
            principal: Principal(
                name: name, permissions: permissions, isAdmin: rights?.admin ?? false, clientIDs: .subject(name)),
            expires: expires)
    }

    private static func decode<Part: Decodable>(_ type: Part.Type, _ part: Substring) -> Part? {
        Base64URL.decode(part).flatMap { try? JSONDecoder().decode(type, from: Data($0)) }
    }

    private static func time(_ seconds: Double) -> Timestamp? {
        // Beyond that are years that no calendar has.
        guard seconds.isFinite, abs(seconds) < 1e11 else { return nil }
        return Timestamp(microseconds: Int64(seconds * 1e6))
    }
}

private struct Header: Decodable {
    var alg: String
    var kid: String?
    var crit: [String]?
}

private struct Claims: Decodable {
    var sub: String?
    var iss: String?
    var aud: Audience?
    var exp: Double?
    var nbf: Double?
    var cairn: Rights?

    struct Rights: Decodable {
        var admin: Bool?
        var permissions: [Rule]?
        var consumers: [String]?
    }

    struct Rule: Decodable {
        var prefix: String
        var allow: Permissions.Access
    }

    /// One name, or several.
    struct Audience: Decodable {
        var names: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let name = try? container.decode(String.self) {
                names = [name]
            } else {
                names = try container.decode([String].self)
            }
        }
    }
}

extension Permissions.Access: Decodable {}

extension StoreError {
    /// A token that isn't good, for this reason.
    static func invalidToken(_ words: String) -> StoreError {
        StoreError(.tokenInvalid, "the token is not accepted: \(words)")
    }
}
