import Foundation
import NIOSSL
import SwiftASN1
import X509

/// What is to be said of a server's certificates and key, before they are served.
public struct RPCTLSFindings: Sendable, Hashable {
    /// Why they can't be served; each names its file.
    public var problems: [String] = []
    /// What should be looked at, but stops nothing: certificates that have ended, haven't begun, or are about to end.
    public var warnings: [String] = []

    /// Nothing that would have to be said.
    public init() {}

    /// From when on an end is near: 14 days.
    static let near: Int64 = 14 * 86_400
}

extension RPCServerTLS {
    /// Reads the files, and says everything that is wrong with them. Blocks. `now` is in seconds since 1970.
    public func findings(now: Int64) -> RPCTLSFindings {
        var findings = RPCTLSFindings()
        func note<Result>(_ body: () throws(RPCSetupError) -> Result) -> Result? {
            do throws(RPCSetupError) {
                return try body()
            } catch {
                findings.problems.append(error.description)
                return nil
            }
        }
        let chain = note { () throws(RPCSetupError) in try TLSMaterial.certificates(certificateChain) }
        let key = note { () throws(RPCSetupError) in try TLSMaterial.privateKey(privateKey) }
        let roots = clientTrustRoots.flatMap { source in
            note { () throws(RPCSetupError) in try TLSMaterial.certificates(source) }
        }
        if let roots, let source = clientTrustRoots, let problem = TLSMaterial.missingIssuer(among: roots) {
            findings.problems.append(RPCSetupError.invalidTLS(source.name, problem).description)
        }
        if findings.problems.isEmpty, chain != nil, key != nil {
            _ = note { () throws(RPCSetupError) in try material().context() }
        }
        for certificate in chain ?? [] {
            findings.warnings += TLSMaterial.dates(of: certificate, in: certificateChain.name, now: now)
        }
        if let source = clientTrustRoots {
            for certificate in roots ?? [] {
                findings.warnings += TLSMaterial.dates(of: certificate, in: source.name, now: now)
            }
        }
        return findings
    }
}

extension TLSMaterial {
    /// What is wrong with a file of authorities of which one isn't trusted by itself, and whose issuer is missing: a
    /// chain must end with a root, so nobody whom that authority has signed would be let in.
    static func missingIssuer(among certificates: [NIOSSLCertificate]) -> String? {
        let known = certificates.compactMap { certificate in
            (try? certificate.toDERBytes()).flatMap { try? Certificate(derEncoded: $0) }
        }
        let subjects = Set(known.map(\.subject))
        guard let orphan = known.first(where: { !subjects.contains($0.issuer) }) else { return nil }
        return """
            "\(orphan.subject)" is an intermediate authority, whose issuer "\(orphan.issuer)" isn't in the file: add \
            the certificate of that issuer, up to the root
            """
    }

    /// What is to be said of when a certificate is good.
    static func dates(of certificate: NIOSSLCertificate, in file: String, now: Int64) -> [String] {
        let (begins, ends) = (Int64(certificate.notValidBefore), Int64(certificate.notValidAfter))
        let name = certificate.subjectWords
        if now > ends { return ["the certificate\(name) in \(file) expired at \(time(ends)): others refuse it"] }
        if now < begins { return ["the certificate\(name) in \(file) isn't good before \(time(begins))"] }
        guard ends - now < RPCTLSFindings.near else { return [] }
        let days = (ends - now) / 86_400
        let left = days == 0 ? "in less than a day" : days == 1 ? "in a day" : "in \(days) days"
        return ["the certificate\(name) in \(file) ends \(left), at \(time(ends)): renew it"]
    }

    /// A time in seconds since 1970 for people.
    static func time(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}

extension NIOSSLCertificate {
    /// Whose it is, as the words after "the certificate"; nothing if that can't be read.
    var subjectWords: String {
        guard let bytes = try? toDERBytes(), let certificate = try? Certificate(derEncoded: bytes) else { return "" }
        return " of \"\(certificate.subject)\""
    }
}
