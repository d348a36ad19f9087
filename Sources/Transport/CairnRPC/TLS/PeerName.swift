import Glibc
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// The name by which a client wants to know its server: a host name, or an IP address.
///
/// The certificate must carry that name (RFC 9525). What address the connection goes to doesn't count: whoever answers
/// there may well have a certificate for the address.
struct PeerName: Sendable, Hashable {
    /// The name in small letters, without the dot at its end.
    private let host: String
    /// The bytes of an IP address; `nil` for a host name.
    private let address: [UInt8]?

    init(_ name: String) {
        address = PeerName.bytes(ofAddress: name)
        host = PeerName.plain(name)
    }

    /// What goes into the handshake as the server's name; an IP address can't (RFC 6066, section 3).
    var indication: String? { address == nil ? host : nil }

    /// Why the certificate isn't that of this name; `nil` if it is.
    func refusal(of certificate: NIOSSLCertificate?) -> String? {
        guard let bytes = try? certificate?.toDERBytes(), let known = try? Certificate(derEncoded: bytes) else {
            return "the server's certificate can't be read"
        }
        let names = (try? known.extensions.subjectAlternativeNames).map { Array($0) } ?? []
        if names.contains(where: { matches($0) }) { return nil }
        // Only where there are no such names at all: long deprecated, and still in use.
        if names.isEmpty, address == nil, let name = known.commonName, matches(host: name) { return nil }
        let others = names.compactMap(PeerName.words) + (names.isEmpty ? [known.commonName].compactMap { $0 } : [])
        let theirs = others.isEmpty ? "none" : others.joined(separator: ", ")
        return "the server's certificate is for another name: it has \(theirs), and not \(host)"
    }

    private func matches(_ name: GeneralName) -> Bool {
        switch name {
        case .dnsName(let name): address == nil && matches(host: name)
        case .ipAddress(let bytes): address == Array(bytes.bytes)
        default: false
        }
    }

    /// Whether a name of a certificate, which may begin with `*.` for one label, is this host's.
    private func matches(host pattern: String) -> Bool {
        let pattern = PeerName.plain(pattern)
        guard pattern.hasPrefix("*.") else { return !pattern.contains("*") && pattern == host && !host.isEmpty }
        let rest = pattern.dropFirst(2)
        // A whole top-level domain is nobody's.
        guard rest.contains("."), !rest.contains("*"), let dot = host.firstIndex(of: ".") else { return false }
        return dot > host.startIndex && host[host.index(after: dot)...] == rest
    }

    private static func plain(_ name: String) -> String {
        let small = name.lowercased()
        return small.hasSuffix(".") ? String(small.dropLast()) : small
    }

    private static func words(_ name: GeneralName) -> String? {
        switch name {
        case .dnsName(let name): name
        case .ipAddress(let address): words(ofAddress: Array(address.bytes))
        default: nil
        }
    }

    private static func words(ofAddress bytes: [UInt8]) -> String? {
        (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0))?.ipAddress
    }

    private static func bytes(ofAddress text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        if inet_pton(AF_INET6, text, &bytes) == 1 { return bytes }
        return nil
    }
}

extension Certificate {
    fileprivate var commonName: String? {
        for relative in subject {
            for attribute in relative where attribute.type == .RDNAttributeType.commonName {
                if let name = String(attribute.value) { return name }
            }
        }
        return nil
    }
}
