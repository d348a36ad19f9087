internal import Foundation
internal import JWTKit

/// The keys that tokens are verified with.
///
/// A key brings the algorithms that fit it. What a token's header says only chooses among them, so no header makes a
/// public key a secret, or verification void.
package struct JWTKeys: Sendable {
    /// One key.
    struct Key: Sendable {
        /// The id that a token's header may name; `nil` for the one key of a file that has no ids.
        let id: String?
        /// What verifies, by the name of the algorithm.
        let algorithms: [String: any JWTAlgorithm]
    }

    let keys: [Key]

    private static let rsaNames = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
    /// A secret must be as long as the hash that it is used with (RFC 7518, section 3.2).
    private static let secretBytes = 32

    /// The keys in a file: a public key as PEM, a JWK or a set of them as JSON, else a secret for HMAC as it is,
    /// without the line's end. `path` is for messages.
    package init(_ bytes: [UInt8], path: String) async throws(SecurityProblems) {
        do {
            let text = String(validating: bytes, as: UTF8.self)
            if let text, text.contains("-----BEGIN") {
                keys = [try await JWTKeys.publicKey(pem: text)]
            } else if let text, JWTKeys.isJSON(text) {
                keys = try await JWTKeys.set(json: text)
            } else {
                keys = [try await JWTKeys.secret(bytes)]
            }
        } catch let error as JWTKeyProblem {
            throw SecurityProblems(["the key in \(path) \(error.words)"])
        } catch {
            throw SecurityProblems(["the key in \(path) can't be understood: \(error)"])
        }
    }

    /// Whether a file with these bytes holds a secret, not a public key.
    package static func isSecret(_ bytes: [UInt8]) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return true }
        return !text.contains("-----BEGIN") && !isJSON(text)
    }

    private static func isJSON(_ text: String) -> Bool {
        text.trimmingCharacters(in: .whitespacesAndNewlines).hasPrefix("{")
    }

    private static func secret(_ bytes: [UInt8]) async throws -> Key {
        guard !looksPublic(bytes) else {
            throw JWTKeyProblem("looks like a public key, which is no secret; write it as PEM")
        }
        var secret = bytes
        while let last = secret.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { secret.removeLast() }
        guard secret.count >= secretBytes else {
            throw JWTKeyProblem("is a secret of \(secret.count) bytes; it needs \(secretBytes) at least")
        }
        let key = HMACKey(from: secret)
        let digests: [(String, DigestAlgorithm, Int)] = [
            ("HS256", .sha256, secretBytes), ("HS384", .sha384, 48), ("HS512", .sha512, 64),
        ]
        var algorithms: [String: any JWTAlgorithm] = [:]
        for (name, digest, bytes) in digests where secret.count >= bytes {
            algorithms[name] = try await JWTKeyCollection().add(hmac: key, digestAlgorithm: digest).getKey()
        }
        return Key(id: nil, algorithms: algorithms)
    }

    /// Whether a file has a public key in a form that we don't read: taken for a secret, it would let everybody in. In
    /// DER it is one sequence that fills the file; OpenSSH's begins with its kind.
    private static func looksPublic(_ bytes: [UInt8]) -> Bool {
        if ["ssh-", "ecdsa-sha2-"].contains(where: { bytes.starts(with: $0.utf8) }) { return true }
        guard bytes.count > 2, bytes[0] == 0x30 else { return false }
        let lengthBytes = bytes[1] < 0x80 ? 0 : Int(bytes[1] & 0x7F)
        guard lengthBytes <= 4, bytes.count >= 2 + lengthBytes else { return false }
        let length = bytes[1] < 0x80 ? Int(bytes[1]) : bytes[2..<2 + lengthBytes].reduce(0) { $0 << 8 | Int($1) }
        return bytes.count == 2 + lengthBytes + length
    }

    private static func publicKey(pem: String) async throws -> Key {
        if pem.contains("PRIVATE KEY") {
            throw JWTKeyProblem("is private; the server needs the public one alone")
        }
        if pem.contains("BEGIN CERTIFICATE") {
            throw JWTKeyProblem("is a certificate; `openssl x509 -pubkey -noout` tells its public key")
        }
        if let key = try? ES256PublicKey(pem: pem) { return try await elliptic("ES256", key) }
        if let key = try? ES384PublicKey(pem: pem) { return try await elliptic("ES384", key) }
        if let key = try? ES512PublicKey(pem: pem) { return try await elliptic("ES512", key) }
        guard let key = try? Insecure.RSA.PublicKey(pem: pem) else {
            throw JWTKeyProblem("is no public key for ECDSA, nor one for RSA of 2,048 bits at least")
        }
        let digests: [(String, DigestAlgorithm)] = [("256", .sha256), ("384", .sha384), ("512", .sha512)]
        var algorithms: [String: any JWTAlgorithm] = [:]
        for (number, digest) in digests {
            algorithms["RS" + number] = try await JWTKeyCollection().add(rsa: key, digestAlgorithm: digest).getKey()
            algorithms["PS" + number] = try await JWTKeyCollection().add(pss: key, digestAlgorithm: digest).getKey()
        }
        return Key(id: nil, algorithms: algorithms)
    }

    private static func elliptic(_ name: String, _ key: some ECDSAKey) async throws -> Key {
        Key(id: nil, algorithms: [name: try await JWTKeyCollection().add(ecdsa: key).getKey()])
    }

    // MARK: Sets of keys

    /// The keys of a JWK or a set of them. Those of kinds that nobody knows, or for encryption, are passed over
    /// (RFC 7517, section 5).
    private static func set(json: String) async throws -> [Key] {
        guard let root = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else {
            throw JWTKeyProblem("is no JWK, nor a set of them")
        }
        let members = root["keys"] as? [[String: Any]] ?? (root["kty"] == nil ? [] : [root])
        var keys: [Key] = []
        for member in members where member["use"] as? String != "enc" {
            if member["kty"] as? String == "oct" {
                throw JWTKeyProblem("is a secret in a JWK; put the secret's bytes alone into the file")
            }
            guard ["RSA", "EC", "OKP"].contains(member["kty"] as? String) else { continue }
            if member["d"] != nil { throw JWTKeyProblem("is private; the server needs the public one alone") }
            let jwk = try JSONDecoder().decode(JWK.self, from: JSONSerialization.data(withJSONObject: member))
            keys.append(try await key(of: jwk))
        }
        guard !keys.isEmpty else { throw JWTKeyProblem("is no JWK for signatures, nor a set with one") }
        return keys
    }

    private static func key(of jwk: JWK) async throws -> Key {
        var algorithms: [String: any JWTAlgorithm] = [:]
        for name in try names(fitting: jwk) {
            var single = jwk
            single.algorithm = JWK.Algorithm(rawValue: name)
            single.keyIdentifier = "only"
            algorithms[name] = try await JWTKeyCollection().add(jwk: single).getKey(for: "only")
        }
        return Key(id: jwk.keyIdentifier?.string, algorithms: algorithms)
    }

    /// The algorithms that fit a key: all of its kind, or the one that it names.
    private static func names(fitting jwk: JWK) throws -> [String] {
        let fitting: [String]
        switch jwk.keyType {
        case .rsa:
            let modulus = jwk.modulus.flatMap { Base64URL.decode($0) } ?? []
            guard modulus.drop(while: { $0 == 0 }).count >= 256 else {
                throw JWTKeyProblem("is one for RSA of less than 2,048 bits")
            }
            fitting = rsaNames
        case .ecdsa:
            let names = ["P-256": "ES256", "P-384": "ES384", "P-521": "ES512"]
            fitting = jwk.curve.flatMap { names[$0.rawValue] }.map { [$0] } ?? []
        default: fitting = ["EdDSA"]
        }
        guard let named = jwk.algorithm?.rawValue else { return fitting }
        guard fitting.contains(named) else {
            throw JWTKeyProblem("says alg \"\(named)\", which doesn't fit its kind")
        }
        return [named]
    }
}

/// What is wrong with a key, as the end of a sentence.
private struct JWTKeyProblem: Error {
    let words: String

    init(_ words: String) { self.words = words }
}
