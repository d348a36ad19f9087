extension RPCServer {
    /// How long calls may go on by connections whose client certificates may no longer be trusted.
    private static let grace = Duration.seconds(10)

    /// Serves new connections with these certificates. Those that are open stay as they are; but if an authority of
    /// clients was taken away, clients with certificates are asked to connect anew, and cut off after ten seconds.
    ///
    /// Reads files, so it blocks. Throws ``RPCSetupError``, naming the file, if they can't be served, or if the server
    /// serves without TLS; then what held before holds.
    public func replace(tls new: RPCServerTLS) throws(RPCSetupError) {
        guard let tls else {
            throw RPCSetupError.invalidTLS(new.certificateChain.name, "the server was started without TLS")
        }
        guard try tls.replace(new) else { return }
        registry.renewCertificates(
            "the authorities of client certificates have changed: connect anew", grace: Self.grace)
    }

    /// When the first of the server's own certificates ends, in seconds since 1970; `nil` without TLS.
    public var certificateEnds: Int64? { tls?.expires }
}
