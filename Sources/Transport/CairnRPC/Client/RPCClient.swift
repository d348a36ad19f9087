import NIOCore
public import SwiftProtobuf
import Synchronization

/// A gRPC client: calls over a pool of connections that are made when needed and made again when lost.
///
/// Methods are named `package.Service/Method`, without a leading slash. Every call throws ``RPCError``: the server's
/// status, or what the client itself found. A call that the server surely did not process is repeated on another
/// connection by itself, ``RPCClientConfiguration/maxTransparentRetries`` times. Cancelling the calling task resets
/// the call's stream.
/// ``close()`` must be called before the last reference goes.
public final class RPCClient: Sendable {
    let slots: [ClientSlot]
    let configuration: RPCClientConfiguration
    private let baseHead: HeaderBlock
    private let codec: MessageCodec
    private let isWarm = Atomic<Bool>(false)

    /// A client of the servers at `target`; nothing is connected yet.
    ///
    /// - Throws: ``RPCSetupError`` if there is no address or the TLS material can't be used.
    public init(target: RPCTarget, configuration: RPCClientConfiguration = .init()) throws(RPCSetupError) {
        guard !target.addresses.isEmpty else { throw .noAddress }
        let tls = try configuration.tls?.makeContext()
        let executors = configuration.eventLoops.executors
        slots = (0..<max(1, configuration.connections)).map { index in
            ClientSlot(
                target: target, configuration: configuration, tls: tls, executor: executors[index % executors.count],
                index: index)
        }
        self.configuration = configuration
        codec = MessageCodec(role: "response", limit: configuration.maxReceiveMessageBytes)
        var head = HeaderBlock()
        head.add(":method", "POST")
        head.add(":scheme", tls == nil ? "http" : "https")
        head.add(":authority", target.authority)
        head.add("te", "trailers")
        head.add("content-type", "application/grpc")
        head.add("user-agent", configuration.userAgent)
        head.add("grpc-accept-encoding", "gzip")
        baseHead = head
    }

    /// Waits for running calls, closes the connections, and fails every later call.
    public func close() async {
        for slot in slots { await slot.close() }
    }

    // MARK: Calls

    /// One request, one response.
    public func unary<Request: Message, Response: Message>(
        _ method: String, _ request: Request, options: RPCCallOptions = .init(), as type: Response.Type = Response.self
    ) async throws -> Response {
        let call = try makeCall(method, options, message: EncodedMessage(request))
        return try decode(type, try await waitForResponse(call))
    }

    /// One request, one response, with the response's metadata.
    public func unaryWithMetadata<Request: Message, Response: Message>(
        _ method: String, _ request: Request, options: RPCCallOptions = .init(), as type: Response.Type = Response.self
    ) async throws -> (message: Response, initial: RPCMetadata, trailing: RPCMetadata) {
        let call = try makeCall(method, options, message: EncodedMessage(request))
        let response = try decode(type, try await waitForResponse(call))
        let results = call.results.withLock { $0 }
        return (response, results.initialMetadata ?? [:], results.trailingMetadata ?? [:])
    }

    /// One request, a stream of responses. The call starts at once; dropping the stream cancels it.
    public func serverStreaming<Request: Message, Response: Message>(
        _ method: String, _ request: Request, options: RPCCallOptions = .init(), as type: Response.Type = Response.self
    ) throws -> RPCResponseStream<Response> {
        let call = try makeCall(method, options, message: EncodedMessage(request), streamsResponses: true)
        call.submit()
        return RPCResponseStream(CallHandle(call), codec)
    }

    /// A stream of requests, written by `write`, and one response. Returning from `write` ends the requests.
    ///
    /// The server may answer before it has read all; `write`'s writes then fail, and the server's answer counts.
    public func clientStreaming<Request: Message, Response: Message>(
        _ method: String, options: RPCCallOptions = .init(), as type: Response.Type = Response.self,
        _ write: @escaping @Sendable (RPCRequestWriter<Request>) async throws -> Void
    ) async throws -> Response {
        let call = try makeCall(method, options, message: nil, streamsRequests: true)
        let handle = CallHandle(call)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let writer = RPCRequestWriter<Request>(handle)
                do {
                    try await write(writer)
                    writer.finish()
                } catch {
                    // The call may have failed first, and then says more than the writer's failure does.
                    handle.call.cancel(RPCError(.cancelled, "writing the requests failed: \(error)"))
                    throw error
                }
            }
            let result: Result<ReceivedMessage, any Error>
            do {
                result = .success(try await waitForResponse(call))
            } catch {
                result = .failure(error)
            }
            group.cancelAll()
            return try decode(type, try result.get())
        }
    }

    /// A stream of requests and a stream of responses, independent of each other.
    ///
    /// The call starts at once, and is cancelled when writer and stream are both dropped before its end.
    public func bidirectional<Request: Message, Response: Message>(
        _ method: String, options: RPCCallOptions = .init(), sending: Request.Type = Request.self,
        as type: Response.Type = Response.self
    ) throws -> (requests: RPCRequestWriter<Request>, responses: RPCResponseStream<Response>) {
        let call = try makeCall(method, options, message: nil, streamsRequests: true, streamsResponses: true)
        call.submit()
        let handle = CallHandle(call)
        return (RPCRequestWriter(handle), RPCResponseStream(handle, codec))
    }

    // MARK: Detail

    private func decode<Response: Message>(_ type: Response.Type, _ message: ReceivedMessage) throws -> Response {
        try codec.decode(type, message, compressionAllowed: true)
    }

    private func makeCall(
        _ method: String, _ options: RPCCallOptions, message: EncodedMessage?, streamsRequests: Bool = false,
        streamsResponses: Bool = false
    ) throws -> ClientCall {
        var head = HeaderBlock(path: method, followedBy: baseHead)
        var deadlineAt: NIODeadline?
        if let timeout = options.timeout {
            head.add("grpc-timeout", Timeout.format(timeout))
            deadlineAt = .now() + TimeAmount(timeout)
        }
        if options.compression { head.add("grpc-encoding", "gzip") }
        try options.metadata.validate()
        head.add(options.metadata)
        let request = ClientRequest(
            head: head, message: options.compression ? message?.gzipped() : message?.framed,
            isGzip: options.compression, waitForReady: options.waitForReady, deadlineAt: deadlineAt,
            streamsRequests: streamsRequests, streamsResponses: streamsResponses,
            maxReceiveMessageBytes: configuration.maxReceiveMessageBytes,
            maxMetadataBytes: configuration.maxMetadataBytes,
            maxQueuedStreamBytes: configuration.maxQueuedStreamBytes,
            initialStreamWindow: configuration.initialStreamWindow,
            maxTransparentRetries: configuration.maxTransparentRetries)
        return ClientCall(request, client: self, slot: pick())
    }

    private func waitForResponse(_ call: ClientCall) async throws -> ReceivedMessage {
        try await withTaskCancellationHandler {
            // Unsafe, because it costs less than a checked one; the call resumes it once, when it ends.
            try await withUnsafeThrowingContinuation { continuation in
                call.setWaiter(continuation)
                call.submit()
            }
        } onCancel: {
            call.cancel(RPCError(.cancelled, "the call was cancelled"))
        }
    }

    /// The slot for a call: the least loaded one that is connected, or the least loaded one.
    func pick() -> ClientSlot {
        guard slots.count > 1 else {
            slots[0].load.add(1, ordering: .relaxed)
            return slots[0]
        }
        if !isWarm.exchange(true, ordering: .relaxed) { for slot in slots { slot.warmUp() } }
        var best = slots[0]
        var bestLoad = Int.max
        for slot in slots {
            // Any connected slot is better than one that isn't.
            let load = slot.load.load(ordering: .relaxed) + (slot.isReady.load(ordering: .relaxed) ? 0 : 1 << 20)
            if load < bestLoad {
                best = slot
                bestLoad = load
            }
        }
        best.load.add(1, ordering: .relaxed)
        return best
    }
}
