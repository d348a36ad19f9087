internal import SwiftASN1
internal import X509

/// The names that a client's certificate carries.
package enum CertificateNames {
    /// The subject's common name, then the alternative names that are host names, mail addresses or URIs; none for what
    /// is no certificate.
    package static func names(ofDER bytes: [UInt8]) -> [String] {
        guard let certificate = try? Certificate(derEncoded: bytes) else { return [] }
        var names: [String] = []
        for relative in certificate.subject {
            for attribute in relative where attribute.type == .RDNAttributeType.commonName {
                if let name = String(attribute.value) { names.append(name) }
            }
        }
        for name in (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames([]) {
            switch name {
            case .dnsName(let name), .rfc822Name(let name), .uniformResourceIdentifier(let name): names.append(name)
            default: break
            }
        }
        return names
    }
}
