import NIOSSL

/// PEM or DER material: a file, or bytes.
public enum RPCCertificateSource: Sendable, Hashable {
    /// A PEM file.
    case file(String)
    /// PEM text as bytes.
    case pem([UInt8])

    var name: String {
        switch self {
        case .file(let path): path
        case .pem: "bytes"
        }
    }
}

/// TLS for a server: HTTP/2 by ALPN, TLS 1.2 at least (RFC 9113, section 9.2).
public struct RPCServerTLS: Sendable, Hashable {
    /// The server's certificate, then its issuers.
    public var certificateChain: RPCCertificateSource
    /// Its private key.
    public var privateKey: RPCCertificateSource
    /// The authorities of client certificates; with them, clients must show one (mTLS).
    public var clientTrustRoots: RPCCertificateSource?

    /// TLS with a certificate and its key, and with client certificates required if trust roots are given.
    public init(
        certificateChain: RPCCertificateSource, privateKey: RPCCertificateSource,
        clientTrustRoots: RPCCertificateSource? = nil
    ) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.clientTrustRoots = clientTrustRoots
    }
}

/// TLS for a client.
public struct RPCClientTLS: Sendable, Hashable {
    /// The authorities to trust; `nil` for the system's.
    public var trustRoots: RPCCertificateSource?
    /// The client's own certificate, then its issuers, where the server asks for one (mTLS).
    public var certificateChain: RPCCertificateSource?
    /// Its private key.
    public var privateKey: RPCCertificateSource?
    /// The host name or IP address that the server's certificate must carry; `nil` for the host that is connected to.
    public var serverName: String?

    /// TLS that trusts `trustRoots`, or the system's authorities.
    public init(trustRoots: RPCCertificateSource? = nil, serverName: String? = nil) {
        self.trustRoots = trustRoots
        self.serverName = serverName
    }

    func makeContext() throws(RPCSetupError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2"]
        // The name is checked by ``PeerName``: an address that is connected to would do otherwise, too.
        configuration.certificateVerification = .noHostnameVerification
        if let trustRoots { configuration.trustRoots = .certificates(try TLSMaterial.certificates(trustRoots)) }
        if let certificateChain {
            configuration.certificateChain = try TLSMaterial.certificates(certificateChain).map { .certificate($0) }
        }
        if let privateKey { configuration.privateKey = .privateKey(try TLSMaterial.privateKey(privateKey)) }
        return try TLSMaterial.context(configuration, name: (certificateChain ?? trustRoots)?.name ?? "the system")
    }
}

/// Reads certificates and keys, naming the file in every error.
enum TLSMaterial {
    static func certificates(_ source: RPCCertificateSource) throws(RPCSetupError) -> [NIOSSLCertificate] {
        do {
            let certificates =
                switch source {
                case .file(let path): try NIOSSLCertificate.fromPEMFile(path)
                case .pem(let bytes): try NIOSSLCertificate.fromPEMBytes(bytes)
                }
            guard !certificates.isEmpty else {
                throw RPCSetupError.invalidTLS(source.name, "it holds no certificate")
            }
            return certificates
        } catch let error as RPCSetupError {
            throw error
        } catch {
            throw RPCSetupError.invalidTLS(source.name, "\(error)")
        }
    }

    static func privateKey(_ source: RPCCertificateSource) throws(RPCSetupError) -> NIOSSLPrivateKey {
        do {
            return switch source {
            case .file(let path): try NIOSSLPrivateKey(file: path, format: .pem)
            case .pem(let bytes): try NIOSSLPrivateKey(bytes: bytes, format: .pem)
            }
        } catch {
            throw RPCSetupError.invalidTLS(source.name, "\(error)")
        }
    }

    static func context(_ configuration: TLSConfiguration, name: String) throws(RPCSetupError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw RPCSetupError.invalidTLS(name, "\(error)")
        }
    }
}
