import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// Why a connection could not be made or was lost, in words for people.
enum FailureWords {
    static func of(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last { return of(last.error) }
            return "the host name \(error.host) can't be resolved"
        case let error as IOError: return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout(let time): return "no answer within \(time.nanoseconds / 1_000_000) ms"
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: return ofTLS("\(error)")
        default: return "\(error)"
        }
    }

    /// BoringSSL tells its reasons by name, in a longer text; the first that occurs is put into words.
    private static func ofTLS(_ text: String) -> String {
        let reasons = [
            ("CERTIFICATE_REQUIRED", "the server asks for a client certificate"),
            ("ALERT_UNKNOWN_CA", "the peer does not trust our certificate"),
            ("ALERT_BAD_CERTIFICATE", "the peer does not accept our certificate"),
            ("ALERT_CERTIFICATE_EXPIRED", "the peer says that our certificate has expired"),
            ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "the peer shows no certificate"),
            ("HTTP_REQUEST", "the peer does not speak TLS"),
            ("CERTIFICATE_VERIFY_FAILED", "the peer's certificate is not from an authority that is trusted here"),
            ("WRONG_VERSION_NUMBER", "the peer does not speak TLS"),
        ]
        let words = reasons.first { text.contains($0.0) }?.1 ?? "the TLS handshake failed"
        return "\(words) (TLS: \(text))"
    }
}
