import Logging
import NIOCore
import NIOSSL

// What TLS tells of the client: handshakes that fail, and certificates that end while a connection goes on.
extension ServerConnection {
    /// How long at most until the time of day is looked at again, which may jump.
    private static let longestWait: Int64 = 60

    /// Tells of a handshake that has failed.
    func handshakeDidFail(_ error: any Error) {
        // Who opens a port and goes, as health checks do, has refused nothing.
        if case NIOSSLError.handshakeFailed(.sslError(let stack))? = error as? NIOSSLError,
            stack == [.eofDuringHandshake]
        {
            return
        }
        if error is IOError || error is ChannelError { return }
        refusedHandshake(FailureWords.of(error))
    }

    /// Counts a handshake that came to nothing, and logs it unless one was logged just before.
    private func refusedHandshake(_ reason: String) {
        shared.metrics.handshakeRefused()
        guard let leftOut = shared.refusedHandshakes.admit() else { return }
        shared.logger.warning(
            "a TLS handshake failed",
            metadata: [
                "peer": "\(peerAddress?.description ?? "unknown")", "reason": "\(reason)",
                "others_since_the_last_line": "\(leftOut)",
            ])
    }

    /// Ends the connection if the client's certificate has ended, and looks again later if it hasn't.
    func checkCertificate() {
        guard let ends = certificateEnds, let context, let session, !isClosing else { return }
        let left = ends - shared.wallClock()
        guard left < 0 else {
            let wait = TimeAmount.seconds(min(left + 1, Self.longestWait))
            certificateCheck = context.eventLoop.assumeIsolated().scheduleTask(in: wait) { [weak self] in
                self?.checkCertificate()
            }
            return
        }
        let words = "the client's certificate expired at \(TLSMaterial.time(ends)): connect with one that is good"
        for case let stream as ServerStream in session.streams { stream.fail(RPCError(.unauthenticated, words)) }
        refusedHandshake(words)
        session.submitGoAway(HTTP2ErrorCode.noError)
        close(afterFlush: words)
    }
}
