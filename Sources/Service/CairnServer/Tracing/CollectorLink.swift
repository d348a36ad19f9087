internal import CairnProtocol
internal import CairnRPC
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import SwiftProtobuf

typealias ExportRequest = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest
typealias ExportResponse = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse

/// The way to a collector.
protocol CollectorLink: Sendable {
    /// Sends spans, and returns how many of them the collector refused.
    func export(_ request: ExportRequest, within limit: Duration) async throws(ExportFailure) -> Int
    /// Lets go of connections.
    func close() async
}

/// OTLP/gRPC, through our own client.
struct GRPCCollectorLink: CollectorLink {
    private let client: RPCClient

    /// Throws ``CairnRPC/RPCSetupError``.
    init(host: String, port: Int) throws(RPCSetupError) {
        // A thread of its own: what is sent there must not wait for calls, nor they for it.
        var configuration = RPCClientConfiguration(eventLoops: RPCEventLoops(count: 1))
        configuration.userAgent = "cairn/\(cairnVersion)"
        client = try RPCClient(target: RPCTarget(addresses: [.hostPort(host, port)]), configuration: configuration)
    }

    func export(_ request: ExportRequest, within limit: Duration) async throws(ExportFailure) -> Int {
        do {
            let response: ExportResponse = try await client.unary(
                "opentelemetry.proto.collector.trace.v1.TraceService/Export", request,
                options: RPCCallOptions(timeout: limit))
            return Int(response.partialSuccess.rejectedSpans)
        } catch {
            // Those after which OTLP allows another attempt (OTLP, "OTLP/gRPC response").
            let codes: [RPCStatus.Code] = [
                .cancelled, .deadlineExceeded, .resourceExhausted, .aborted, .outOfRange, .unavailable, .dataLoss,
            ]
            let code = (error as? RPCError)?.code ?? .unknown
            throw ExportFailure(mayRetry: codes.contains(code), description: "\(error)")
        }
    }

    func close() async { await client.close() }
}

/// OTLP/HTTP: a POST over a connection of its own, as there is one a second at most.
struct HTTPCollectorLink: CollectorLink {
    let host: String
    let port: Int
    let path: String

    func export(_ request: ExportRequest, within limit: Duration) async throws(ExportFailure) -> Int {
        let answer: HTTPAnswer
        do {
            let body: [UInt8] = try request.serializedBytes()
            answer = try await post(body, within: TimeAmount(limit))
        } catch {
            throw ExportFailure(mayRetry: true, description: "\(error)")
        }
        guard (200..<300).contains(answer.status) else {
            let mayRetry = [429, 502, 503, 504].contains(answer.status)
            throw ExportFailure(mayRetry: mayRetry, description: "it answered with HTTP status \(answer.status)")
        }
        let response = try? ExportResponse(serializedBytes: answer.body)
        return Int(response?.partialSuccess.rejectedSpans ?? 0)
    }

    func close() async {}

    private func post(_ body: [UInt8], within limit: TimeAmount) async throws -> HTTPAnswer {
        let answered = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: HTTPAnswer.self)
        let head = head(of: body.count)
        let bootstrap = ClientBootstrap(group: answered.futureResult.eventLoop)
            .connectTimeout(limit)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(HTTPAnswerHandler(answered))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: host, port: port).get()
        } catch {
            answered.fail(error)
            throw error
        }
        let timeout = channel.eventLoop.scheduleTask(in: limit) {
            answered.fail(ChannelError.operationUnsupported)
            channel.close(promise: nil)
        }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        defer {
            timeout.cancel()
            channel.close(promise: nil)
        }
        return try await answered.futureResult.get()
    }

    private func head(of count: Int) -> HTTPRequestHead {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let headers: HTTPHeaders = [
            "host": place, "content-type": "application/x-protobuf", "content-length": String(count),
            "user-agent": "cairn/\(cairnVersion)", "connection": "close",
        ]
        return HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: headers)
    }
}

/// What an HTTP server has answered.
private struct HTTPAnswer: Sendable {
    var status: Int
    var body: [UInt8] = []
}

/// Gathers one answer. More than a collector has to say ends the connection.
private final class HTTPAnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private static let bytesMax = 64 << 10
    private let answered: EventLoopPromise<HTTPAnswer>
    private var answer = HTTPAnswer(status: 0)

    init(_ answered: EventLoopPromise<HTTPAnswer>) { self.answered = answered }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): answer.status = Int(head.status.code)
        case .body(let buffer):
            answer.body += buffer.readableBytesView
            if answer.body.count > HTTPAnswerHandler.bytesMax { context.close(promise: nil) }
        case .end: answered.succeed(answer)
        }
    }

    // A promise that has been kept already isn't touched by these.
    func channelInactive(context: ChannelHandlerContext) { answered.fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answered.fail(error)
        context.close(promise: nil)
    }
}
