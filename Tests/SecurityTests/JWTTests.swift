import CairnModel
import Crypto
import CryptoExtras
import Foundation
import Testing

@testable import CairnSecurity

/// JSON Web Tokens: good ones, and those that attackers make.
@Suite("JSON Web Tokens")
struct JWTTests {
    private let now = Timestamp(microseconds: 1_000_000_000)

    /// The code and the words with which a token is refused.
    private func refusal(_ token: String, by verifier: JWTVerifier) -> StoreError? {
        #expect(throws: StoreError.self, "\(token)") { _ = try verifier.verify(token, now: now) }
    }

    @Test("who it is for, what they may do, and until when")
    func claims() async throws {
        let verifier = try await JWTVerifier(secret + "\n", issuer: "us", audience: "cairn")
        var token = MadeToken()
        token.claims = """
            {"sub":"web","iss":"us","aud":["x","cairn"],"exp":1500.5,"nbf":900,"cairn":{"permissions":
            [{"prefix":"web/","allow":"read-write"},{"prefix":"","allow":"read"}],"consumers":["web"]}}
            """
        let verified = try verifier.verify(token.signed(secret: secret), now: now)
        #expect(verified.expires == Timestamp(microseconds: 1_500_500_000))
        #expect(
            verified.principal
                == Principal(
                    name: "web",
                    permissions: Permissions([.init("web/", .readWrite), .init("", .read)], consumers: ["web"]),
                    clientIDs: .subject("web")))
        token.claims = #"{"sub":"root","iss":"us","aud":"cairn","exp":1500,"cairn":{"admin":true}}"#
        #expect(try verifier.verify(token.signed(secret: secret), now: now).principal.isAdmin)
        token.claims = #"{"sub":"nobody","iss":"us","aud":"cairn","exp":1500}"#
        let nobody = try verifier.verify(token.signed(secret: secret), now: now).principal
        #expect(nobody.permissions == .none && !nobody.isAdmin)
    }

    @Test(
        "claims that are wrong, too late or too early",
        arguments: [
            (#"{"sub":"a","iss":"us","aud":"c","exp":1000}"#, "expired at 1970-01-01T00:16:40Z"),
            (#"{"sub":"a","iss":"us","aud":"c"}"#, "has no exp"),
            (#"{"sub":"a","iss":"us","aud":"c","exp":1e300}"#, "has no exp"),
            (#"{"sub":"a","iss":"us","aud":"c","exp":"2000"}"#, "can't be understood"),
            (#"{"sub":"a","iss":"us","aud":"c","exp":2000,"nbf":1061}"#, "isn't good before"),
            (#"{"sub":"a","iss":"them","aud":"c","exp":2000}"#, "isn't from \"us\""),
            (#"{"sub":"a","aud":"c","exp":2000}"#, "isn't from \"us\""),
            (#"{"sub":"a","iss":"us","aud":["d"],"exp":2000}"#, "isn't for \"c\""),
            (#"{"sub":"a","iss":"us","exp":2000}"#, "isn't for \"c\""),
            (#"{"iss":"us","aud":"c","exp":2000}"#, "sub isn't a name"),
            (#"{"sub":"","iss":"us","aud":"c","exp":2000}"#, "sub isn't a name"),
            (
                #"{"sub":"a","iss":"us","aud":"c","exp":2000,"cairn":{"permissions":[{"prefix":"","allow":"all"}]}}"#,
                "can't be understood"
            ),
            (#"{"sub":"a","iss":"us","aud":"c","exp":2000,"cairn":{"admin":"yes"}}"#, "can't be understood"),
        ])
    func wrongClaims(_ claims: String, _ words: String) async throws {
        let verifier = try await JWTVerifier(secret, issuer: "us", audience: "c")
        let error = refusal(MadeToken(claims: claims).signed(secret: secret), by: verifier)
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        #expect(error?.code == (words.contains("expired") ? .tokenExpired : .tokenInvalid))
    }

    @Test("an issuer's clock may be a minute ahead")
    func leeway() async throws {
        let verifier = try await JWTVerifier(secret)
        let token = MadeToken(claims: #"{"sub":"a","exp":2000,"nbf":1060}"#).signed(secret: secret)
        #expect(try verifier.verify(token, now: now).principal.name == "a")
    }

    @Test(
        "no algorithm is taken but those of the key",
        arguments: ["none", "None", "NONE", "nOnE", "", "hs256", "HS1", "RS256", "ES256", "EdDSA", "A128KW"])
    func algorithms(_ name: String) async throws {
        let verifier = try await JWTVerifier(secret)
        let token = MadeToken(header: #"{"alg":"\#(name)"}"#)
        for made in [token.signed(secret: secret), token.signed { _ in Data() }] {
            #expect(refusal(made, by: verifier)?.code == .tokenInvalid)
        }
    }

    @Test("a secret is for the hashes that are no longer than itself", arguments: [32, 47, 48, 63, 64, 100])
    func secretLengths(_ count: Int) async throws {
        let keys = try await JWTKeys([UInt8](repeating: 0x61, count: count), path: "key").keys
        let expected = [("HS256", 32), ("HS384", 48), ("HS512", 64)].filter { count >= $0.1 }.map(\.0)
        #expect(keys.first?.algorithms.keys.sorted() == expected)
    }

    @Test("a public key is never a secret for HMAC")
    func confusion() async throws {
        let elliptic = P256.Signing.PrivateKey()
        let rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        for pem in [elliptic.publicKey.pemRepresentation, rsa.publicKey.pemRepresentation] {
            for file in [pem, pem + "\n", "\n" + pem] {
                let verifier = try await JWTVerifier(file)
                for text in [pem, pem + "\n", file] {
                    #expect(refusal(MadeToken().signed(secret: text), by: verifier)?.code == .tokenInvalid)
                }
                // With the right name of the algorithm, it is no signature of the key's.
                for name in ["ES256", "RS256", "PS256"] {
                    let token = MadeToken(header: #"{"alg":"\#(name)"}"#)
                    #expect(refusal(token.signed(secret: text(of: file)), by: verifier)?.code == .tokenInvalid)
                    #expect(refusal(token.signed { _ in Data() }, by: verifier)?.code == .tokenInvalid)
                    #expect(refusal(token.signed { _ in Data(count: 64) }, by: verifier)?.code == .tokenInvalid)
                }
            }
        }
    }

    private func text(of file: String) -> String { file.trimmingCharacters(in: .newlines) }

    @Test("ECDSA and RSA keys as PEM; another key's signature, or another algorithm's, is none")
    func publicKeys() async throws {
        let elliptic = P256.Signing.PrivateKey()
        let rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let es256 = MadeToken(header: #"{"alg":"ES256"}"#)
        let rs256 = MadeToken(header: #"{"alg":"RS256","kid":"whatever"}"#)
        let onCurve = try await JWTVerifier(elliptic.publicKey.pemRepresentation)
        let onRSA = try await JWTVerifier(rsa.publicKey.pemRepresentation)
        #expect(try onCurve.verify(es256.signed(key: elliptic), now: now).principal.name == "web")
        #expect(try onRSA.verify(rs256.signed(key: rsa), now: now).principal.name == "web")
        #expect(refusal(try es256.signed(key: P256.Signing.PrivateKey()), by: onCurve)?.code == .tokenInvalid)
        #expect(refusal(try rs256.signed(key: rsa), by: onCurve)?.code == .tokenInvalid)
        // Signed as RS256, said to be another.
        for name in ["RS384", "PS256"] {
            let token = MadeToken(header: #"{"alg":"\#(name)"}"#)
            #expect(refusal(try token.signed(key: rsa), by: onRSA)?.code == .tokenInvalid)
        }
    }

    @Test("what is not a token, or was changed after it was signed")
    func malformed() async throws {
        let verifier = try await JWTVerifier(secret)
        let good = MadeToken().signed(secret: secret)
        let parts = good.split(separator: ".").map(String.init)
        let forged = Base64URL.encode(#"{"sub":"root","exp":2000,"cairn":{"admin":true}}"#.utf8)
        let wrong = [
            "", ".", "..", "...", "a.b.c", good + ".", "." + good, good + "=", good.replacing(".", with: ".."),
            "\(parts[0]).\(parts[1])", "\(parts[0]).\(parts[1]).", "\(parts[0]).\(forged).\(parts[2])",
            "\(parts[0]) .\(parts[1]).\(parts[2])", "\(parts[0])=.\(parts[1]).\(parts[2])",
            parts.joined(separator: ".").dropLast() + (good.hasSuffix("A") ? "B" : "A"),
            MadeToken(header: #"{"alg":"HS256","crit":["x"],"x":1}"#).signed(secret: secret),
            MadeToken(header: #"{"typ":"JWT"}"#).signed(secret: secret),
            MadeToken(header: #"["HS256"]"#).signed(secret: secret), MadeToken(header: "{").signed(secret: secret),
            MadeToken(claims: "[]").signed(secret: secret), MadeToken(claims: "").signed(secret: secret),
        ]
        for token in wrong { #expect(refusal(String(token), by: verifier)?.code == .tokenInvalid) }
        #expect(try verifier.verify(good, now: now).principal.name == "web")
    }

    @Test("a set of keys: the one that is named, each with its algorithms; others' kinds are passed over")
    func sets() async throws {
        let (first, second) = (P256.Signing.PrivateKey(), P256.Signing.PrivateKey())
        func jwk(_ key: P256.Signing.PrivateKey, _ rest: String) -> String {
            let point = key.publicKey.rawRepresentation
            let (x, y) = (Base64URL.encode(point.prefix(32)), Base64URL.encode(point.suffix(32)))
            return #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)"\#(rest)}"#
        }
        let verifier = try await JWTVerifier(
            #"{"keys":[\#(jwk(first, #","kid":"1","alg":"ES256""#)),\#(jwk(second, #","kid":"2""#)),{"kty":"new"}]}"#)
        func token(_ kid: String?) -> MadeToken {
            MadeToken(header: #"{"alg":"ES256"\#(kid.map { #","kid":"\#($0)""# } ?? "")}"#)
        }
        #expect(try verifier.verify(token("1").signed(key: first), now: now).principal.name == "web")
        #expect(try verifier.verify(token("2").signed(key: second), now: now).principal.name == "web")
        #expect(try verifier.verify(token(nil).signed(key: second), now: now).principal.name == "web")
        #expect(refusal(try token("1").signed(key: second), by: verifier)?.code == .tokenInvalid)
        #expect(refusal(try token("3").signed(key: first), by: verifier)?.code == .tokenInvalid)
        let single = try await JWTVerifier(jwk(first, ""))
        #expect(try single.verify(token(nil).signed(key: first), now: now).principal.name == "web")
        let problem = await #expect(throws: SecurityProblems.self) {
            _ = try await JWTVerifier(jwk(first, #","alg":"RS256""#))
        }
        #expect(problem?.messages.first?.contains("doesn't fit its kind") == true)
    }

    @Test("keys that can't be used are told with their file")
    func wrongKeys() async throws {
        let elliptic = P256.Signing.PrivateKey()
        let (begin, end) = ("-----BEGIN ", "-----")
        let wrong = [
            ("short", "is a secret of 5 bytes; it needs 32"), ("", "is a secret of 0 bytes"),
            (elliptic.pemRepresentation, "is private"), ("{}", "is no JWK"), ("{", "can't be understood"),
            ("\(begin)PUBLIC KEY\(end)\nAAAA\n-----END PUBLIC KEY\(end)\n", "is no public key"),
            ("\(begin)CERTIFICATE\(end)\nAAAA\n-----END CERTIFICATE\(end)\n", "is a certificate"),
            (#"{"kty":"oct","k":"AAAA"}"#, "is a secret in a JWK"),
            (#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}"#, "is private"),
            (#"{"keys":[{"kty":"new"}]}"#, "is no JWK"),
            (#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "is one for RSA of less than 2,048 bits"),
        ]
        for (text, words) in wrong {
            let problem = await #expect(throws: SecurityProblems.self) { _ = try await JWTVerifier(text) }
            let message = problem?.messages.first ?? ""
            #expect(message.hasPrefix("the key in key ") && message.contains(words), "\(message)")
        }
    }

    @Test("a public key in a form that isn't read is never taken for a secret")
    func otherForms() async throws {
        let rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let forms = [
            Array(P256.Signing.PrivateKey().publicKey.derRepresentation), Array(rsa.publicKey.derRepresentation),
            Array("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8u9 ann@laptop".utf8),
            Array("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAA".utf8),
        ]
        for bytes in forms {
            let problem = await #expect(throws: SecurityProblems.self) { _ = try await JWTKeys(bytes, path: "key") }
            #expect(problem?.messages.first?.contains("looks like a public key") == true, "\(problem as Any)")
        }
        // A secret may begin with any byte.
        _ = try await JWTKeys([0x30] + [UInt8](repeating: 0x41, count: 40), path: "key")
    }

    @Test("base64url is taken in its one right form alone")
    func base64() {
        for count in 0..<40 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max) }
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
        for wrong in ["A", "AB", "AA==", "A+AA", "A/AA", "AA AA", "AAAA\n", "é"] {
            #expect(Base64URL.decode(wrong) == nil, "\(wrong)")
        }
    }
}
