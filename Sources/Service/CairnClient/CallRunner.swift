internal import CairnModel
internal import CairnRPC
internal import CairnWire
internal import SwiftProtobuf

/// Makes calls, and repeats those that may be.
struct CallRunner: Sendable {
    let rpc: RPCClient
    let configuration: CairnClient.Configuration
    let streams = OpenStreams()

    init(to addresses: [RPCAddress], _ configuration: CairnClient.Configuration) throws(StoreError) {
        do throws(RPCSetupError) {
            rpc = try RPCClient(target: RPCTarget(addresses: addresses), configuration: configuration.rpc)
        } catch {
            throw StoreError(.invalidArgument, "\(error)")
        }
        var configuration = configuration
        if let token = configuration.token {
            guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw StoreError(.invalidArgument, "the token is empty, or has spaces or letters that no token has")
            }
            configuration.metadata.add("authorization", "Bearer \(token)")
        }
        self.configuration = configuration
    }

    /// Ends the streams, waits for calls under way, and refuses what comes later.
    func close() async {
        streams.close()
        await rpc.close()
    }

    /// One request, one response. `isSafe` says that doing it twice is the same as doing it once. A `timeout` that is
    /// given goes before the configuration's.
    func unary<Request: Message, Response: Message>(
        _ method: String, _ request: Request, isSafe: Bool, timeout: Duration?? = nil
    ) async throws(StoreError) -> Response {
        let deadline = (timeout ?? configuration.timeout).map { ContinuousClock.now + $0 }
        var attempt = 1
        while true {
            guard !streams.isClosed else { throw .clientClosed }
            var options = RPCCallOptions(metadata: configuration.metadata)
            options.timeout = deadline.map { $0 - .now }
            let failure: StoreError
            do {
                return try await rpc.unary(method, request, options: options)
            } catch {
                failure = StoreError(call: error)
            }
            // A call that began while the client closed is told so by the transport, as by a server that is gone.
            if streams.isClosed, failure.retry == .safe { throw .clientClosed }
            guard attempt < configuration.attempts, failure.mayRepeat(isSafe: isSafe) else { throw failure }
            try await wait(after: attempt, until: deadline, or: failure)
            attempt += 1
        }
    }

    /// Waits before the next attempt; throws `failure` if there is no time left for one.
    func wait(
        after attempt: Int, until deadline: ContinuousClock.Instant?, or failure: StoreError
    ) async throws(StoreError) {
        let delay = configuration.backoff.delay(failures: attempt, random: .random(in: -1...1))
        if let deadline, ContinuousClock.now + delay >= deadline { throw failure }
        do {
            try await Task.sleep(for: delay)
        } catch {
            throw StoreError(.cancelled, "the call was cancelled", retry: failure.retry)
        }
    }
}

extension StoreError {
    /// The store's error for what a call threw.
    init(call error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as RPCError: self.init(error)
        case is CancellationError: self.init(.cancelled, "the call was cancelled", retry: .unknownOutcome)
        default: self.init(.internal, "the call failed: \(error)", retry: .unknownOutcome)
        }
    }

    /// Whether a call that failed so may be made again.
    func mayRepeat(isSafe: Bool) -> Bool {
        switch retry {
        case .never: code == .closed
        case .safe: code == .unavailable || code == .storageBusy || isSafe
        case .unknownOutcome: isSafe && code == .unavailable
        }
    }
}
