import CairnRPC
import CairnSecurity
import CairnSettings
import Foundation
import NIOPosix

/// The files of certificates and keys that the server shows, and by which it knows clients.
enum TLSFiles {
    /// What the settings name; `nil` without TLS.
    static func tls(_ settings: Settings) -> RPCServerTLS? {
        guard let certificate = settings.text(.tlsCert), let key = settings.text(.tlsKey) else { return nil }
        return RPCServerTLS(
            certificateChain: .file(certificate), privateKey: .file(key),
            clientTrustRoots: settings.text(.tlsClientCA).map { .file($0) })
    }

    /// Everything that is to be said of the files; nothing without TLS. Reads them, on a thread for blocking calls.
    static func findings(_ settings: Settings) async -> RPCTLSFindings {
        guard let tls = tls(settings) else { return RPCTLSFindings() }
        let now = Int64(Date().timeIntervalSince1970)
        return (try? await NIOThreadPool.singleton.runIfActive { tls.findings(now: now) }) ?? RPCTLSFindings()
    }

    /// What is to be warned of. Throws ``SecurityProblems`` with everything that is wrong.
    static func check(_ settings: Settings) async throws(SecurityProblems) -> [String] {
        let findings = await findings(settings)
        guard findings.problems.isEmpty else { throw SecurityProblems(findings.problems) }
        return findings.warnings
    }
}
