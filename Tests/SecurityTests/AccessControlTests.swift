import CairnModel
import Crypto
import Foundation
import SwiftASN1
import Synchronization
import Testing
import X509

@testable import CairnSecurity

/// A clock that is set.
private final class SetClock: Sendable {
    private let time = Mutex(Timestamp(microseconds: 1_000_000_000))

    func now() -> Timestamp { time.withLock { $0 } }
    func set(seconds: Int64) { time.withLock { $0 = Timestamp(microseconds: seconds * 1_000_000) } }
}

/// Who is let in, for what they show.
@Suite("Access")
struct AccessControlTests {
    private let clock = SetClock()

    private func access(
        _ entries: [TokenEntry], jwt: JWTVerifier? = nil, admins: Set<String> = []
    ) -> AccessControl {
        AccessControl(
            policy: AccessPolicy(entries: entries, jwt: jwt), adminClientIDs: admins, now: { [clock] in clock.now() })
    }

    private func entry(_ name: String, _ proof: TokenEntry.Proof? = nil) -> TokenEntry {
        var entry = TokenEntry(name: name, proof: proof ?? .token(TokenHash(of: name + "-token")))
        entry.permissions = .all
        return entry
    }

    private func bearer(_ token: String) -> Credentials { Credentials(authorization: ["Bearer \(token)"]) }

    private func refusal(_ access: AccessControl, _ credentials: Credentials) -> StoreError.Code? {
        #expect(throws: StoreError.self) { _ = try access.principal(showing: credentials) }?.code
    }

    @Test("a token is the one whose hash is known; anything else is refused, with its reason")
    func tokens() throws {
        var temporary = entry("temporary")
        temporary.expires = Timestamp(microseconds: 1_000_000_001)
        let access = access([entry("web"), temporary])
        #expect(try access.principal(showing: bearer("web-token")).name == "web")
        #expect(try access.principal(showing: Credentials(authorization: ["bEARER  web-token"])).name == "web")
        #expect(refusal(access, Credentials()) == .tokenMissing)
        for wrong in ["web-toke", "web-token2", "WEB-TOKEN", TokenHash(of: "web-token").hex] {
            #expect(refusal(access, bearer(wrong)) == .tokenInvalid)
        }
        for wrong in ["web-token", "Basic web-token", "Bearer", "Bearer ", "", "Bearer a b"] {
            #expect(refusal(access, Credentials(authorization: [wrong])) == .tokenInvalid, "\(wrong)")
        }
        let twice = Credentials(authorization: ["Bearer web-token", "Bearer web-token"])
        #expect(refusal(access, twice) == .tokenInvalid)
        #expect(try access.principal(showing: bearer("temporary-token")).name == "temporary")
        clock.set(seconds: 1_001)
        #expect(refusal(access, bearer("temporary-token")) == .tokenExpired)
    }

    @Test("who shows nothing is anonymous, if there is such an entry; who shows a wrong token never is")
    func anonymous() throws {
        let access = access([entry("web"), entry("anonymous", .nothing)])
        #expect(try access.principal(showing: Credentials()).isAnonymous)
        #expect(refusal(access, bearer("wrong")) == .tokenInvalid)
        #expect(try !access.principal(showing: bearer("web-token")).isAnonymous)
    }

    @Test("a policy is replaced with the next call, and what the old one let in is forgotten")
    func replacing() async throws {
        let first = try await JWTVerifier(secret)
        let second = try await JWTVerifier(secret + "2")
        let access = access([entry("web")], jwt: first)
        let token = MadeToken().signed(secret: secret)
        #expect(try access.principal(showing: bearer(token)).name == "web")
        #expect(access.rememberedTokens == 1)
        access.replace(policy: AccessPolicy(entries: [entry("job")], jwt: second))
        #expect(refusal(access, bearer(token)) == .tokenInvalid)
        #expect(refusal(access, bearer("web-token")) == .tokenInvalid)
        #expect(try access.principal(showing: bearer("job-token")).name == "job")
    }

    @Test("verified tokens are remembered until they expire, and only so many")
    func remembering() async throws {
        let access = access([], jwt: try await JWTVerifier(secret))
        let token = MadeToken().signed(secret: secret)
        for _ in 0..<3 { _ = try access.principal(showing: bearer(token)) }
        #expect(access.rememberedTokens == 1)
        clock.set(seconds: 2_000)
        #expect(refusal(access, bearer(token)) == .tokenExpired)
        clock.set(seconds: 1_000)
        for number in 0...AccessControl.remembered {
            let other = MadeToken(claims: #"{"sub":"c\#(number)","exp":2000}"#)
            _ = try access.principal(showing: bearer(other.signed(secret: secret)))
        }
        #expect((1...AccessControl.remembered).contains(access.rememberedTokens))
        for _ in 0..<3 { _ = refusal(access, bearer(MadeToken().signed(secret: "another"))) }
    }

    @Test("a client id that is proven may make an admin; one that is only said counts where nobody is asked")
    func admins() throws {
        var fixed = entry("fixed")
        fixed.clientID = "ops"
        fixed.permissions = .none
        let access = access([fixed, entry("free")], admins: ["ops"])
        #expect(try access.principal(showing: bearer("fixed-token")).isAdmin)
        let free = try access.principal(showing: bearer("free-token"))
        #expect(!free.isAdmin && free.clientIDs == .any(except: ["ops"]))
        func code(_ access: AccessControl, _ principal: Principal?, _ id: String) -> StoreError.Code? {
            do {
                try access.requireAdmin(principal, clientID: id)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code(access, free, "ops") == .notAdmin && code(access, nil, "ops") == .notAdmin)
        #expect(code(access, try access.principal(showing: bearer("fixed-token")), "") == nil)
        let open = AccessControl()
        #expect(!open.isSecured && code(open, nil, "ops") == .adminNotConfigured)
        open.replace(adminClientIDs: ["ops"])
        #expect(code(open, nil, "ops") == nil && code(open, nil, "other") == .notAdmin)
        #expect(code(open, nil, "") == .notAdmin)
    }

    @Test("a certificate is known by its common name or an alternative one; a token goes before it")
    func certificates() throws {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        func certificate(_ name: String, _ others: [GeneralName]) throws -> [UInt8] {
            let subject = try DistinguishedName {
                OrganizationName("by-host")
                CommonName(name)
            }
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: .now - 60,
                notValidAfter: .now + 60, issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions { SubjectAlternativeNames(others) }, issuerPrivateKey: key)
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            return serializer.serializedBytes
        }
        let access = access([
            entry("common", .certificate("web")), entry("host", .certificate("by-host")), entry("token"),
        ])
        func name(_ bytes: [UInt8]) throws -> String {
            try access.principal(showing: Credentials(certificate: bytes)).name
        }
        #expect(try name(certificate("web", [.dnsName("by-host")])) == "common")
        #expect(try name(certificate("other", [.dnsName("x"), .dnsName("by-host")])) == "host")
        #expect(try name(certificate("other", [.uniformResourceIdentifier("by-host")])) == "host")
        let stranger = try certificate("other", [.dnsName("x")])
        #expect(refusal(access, Credentials(certificate: stranger)) == .tokenMissing, "nor by its organisation")
        #expect(refusal(access, Credentials(certificate: [1, 2, 3])) == .tokenMissing)
        let both = Credentials(authorization: ["Bearer token-token"], certificate: try certificate("web", []))
        #expect(try access.principal(showing: both).name == "token")
        let wrong = Credentials(authorization: ["Bearer x"], certificate: try certificate("web", []))
        #expect(refusal(access, wrong) == .tokenInvalid)
    }
}
