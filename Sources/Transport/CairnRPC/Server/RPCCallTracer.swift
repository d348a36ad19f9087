/// Decides which calls of a server are traced. Unlike an interceptor it needs no task: calls that do without one go on
/// doing so.
public protocol RPCCallTracer: Sendable {
    /// The span of a call whose headers have come; `nil` if it isn't traced. Runs on the connection's event loop and
    /// must not block.
    func span(of context: RPCContext) -> (any RPCCallSpan)?
}

/// A traced call. Everything is called on the connection's event loop and must not block.
public protocol RPCCallSpan: AnyObject, Sendable {
    /// Told of the encoded request before its handler starts; not of those of a stream of requests.
    func didReceive(request: RawSpan)

    /// Starts the handler by calling `body` once, with the call as what the work is done for.
    func starting(_ body: () throws -> Void) rethrows

    /// Told once of the call's end.
    func didEnd(_ status: RPCStatus)
}
