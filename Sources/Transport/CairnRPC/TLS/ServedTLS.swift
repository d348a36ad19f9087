import NIOSSL
import Synchronization

/// The TLS that a server gives its new connections, which can be replaced while it serves.
///
/// Where clients show certificates, each connection has a context of its own. A session is resumed by what its context
/// has sealed, so no session is: BoringSSL doesn't look at a resumed session's certificate again, and would take one
/// that has expired since, or whose authority is trusted no more.
final class ServedTLS: Sendable {
    private struct State {
        var material: TLSMaterial.Server
        var shared: NIOSSLContext
    }

    private let state: Mutex<State>

    init(_ tls: RPCServerTLS) throws(RPCSetupError) {
        let material = try tls.material()
        let shared = try material.context()
        state = Mutex(State(material: material, shared: shared))
    }

    /// Serves connections that come from now on with this instead. Returns whether an authority of clients was taken
    /// away. Reads files. If it throws, what held before holds.
    func replace(_ tls: RPCServerTLS) throws(RPCSetupError) -> Bool {
        let material = try tls.material()
        let shared = try material.context()
        return state.withLock { state in
            let before = Set(state.material.clientRoots)
            state = State(material: material, shared: shared)
            return !before.isSubset(of: material.clientRoots)
        }
    }

    /// The context of a new connection.
    func context() throws(RPCSetupError) -> NIOSSLContext {
        let (material, shared) = state.withLock { ($0.material, $0.shared) }
        return material.clientRoots.isEmpty ? shared : try material.context()
    }

    /// When the first of the server's own certificates ends, in seconds since 1970.
    var expires: Int64 { state.withLock { $0.material.expires } }
}

extension TLSMaterial {
    /// What a server's files hold, read and checked.
    struct Server: Sendable {
        let configuration: TLSConfiguration
        let clientRoots: [NIOSSLCertificate]
        /// When the first certificate of its chain ends, in seconds since 1970.
        let expires: Int64
        /// What the files are called in messages.
        let name: String

        func context() throws(RPCSetupError) -> NIOSSLContext { try TLSMaterial.context(configuration, name: name) }
    }
}

extension RPCServerTLS {
    /// Reads the files. Throws for what can't be served, naming the file.
    func material() throws(RPCSetupError) -> TLSMaterial.Server {
        let chain = try TLSMaterial.certificates(certificateChain)
        let key = try TLSMaterial.privateKey(privateKey)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2"]
        var roots: [NIOSSLCertificate] = []
        if let clientTrustRoots {
            roots = try TLSMaterial.certificates(clientTrustRoots)
            if let problem = TLSMaterial.missingIssuer(among: roots) {
                throw RPCSetupError.invalidTLS(clientTrustRoots.name, problem)
            }
            configuration.trustRoots = .certificates(roots)
            // A client's certificate carries no host name to check.
            configuration.certificateVerification = .noHostnameVerification
        }
        return TLSMaterial.Server(
            configuration: configuration, clientRoots: roots,
            expires: chain.map { Int64($0.notValidAfter) }.min() ?? .max,
            name: "\(certificateChain.name) and \(privateKey.name)")
    }
}
