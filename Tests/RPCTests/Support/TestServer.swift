import CairnRPC
import Logging
import SwiftProtobuf
import Testing

typealias Text = Google_Protobuf_StringValue
typealias Number = Google_Protobuf_Int64Value
typealias Bytes = Google_Protobuf_BytesValue

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Serves `router` on a free loopback port for as long as `body` runs.
@discardableResult
func withServer<Result>(
    _ router: RPCRouter, addresses: [RPCAddress] = [.hostPort("127.0.0.1", 0)],
    configure: (inout RPCServerConfiguration) -> Void = { _ in },
    _ body: (RPCServer) async throws -> Result
) async throws -> Result {
    var configuration = RPCServerConfiguration(addresses: addresses)
    configure(&configuration)
    let server = try await RPCServer.start(router: router, configuration: configuration, logger: quietLogger)
    let result: Result
    do {
        result = try await body(server)
    } catch {
        await server.shutdownGracefully(deadline: .zero)
        throw error
    }
    await server.shutdownGracefully(deadline: .zero)
    return result
}

/// Serves, lets `attack` loose on a raw connection, and then makes an honest call.
func survive(
    _ router: RPCRouter = echoRouter(), configure: (inout RPCServerConfiguration) -> Void = { _ in },
    _ attack: @escaping @Sendable (RawConnection) throws -> Void
) async throws {
    try await withServer(router, configure: configure) { server in
        guard case .hostPort(_, let port) = server.addresses[0] else { return }
        try await blocking { try attack(RawConnection(port: port)) }
        try await withClient(server.addresses) { client in
            let echoed = try await client.unary("t.Echo/Unary", Text("still here"), as: Text.self)
            #expect(echoed.value == "still here")
        }
    }
}

/// A client of `addresses` for as long as `body` runs.
@discardableResult
func withClient<Result>(
    _ addresses: [RPCAddress], configure: (inout RPCClientConfiguration) -> Void = { _ in },
    _ body: (RPCClient) async throws -> Result
) async throws -> Result {
    var configuration = RPCClientConfiguration()
    configure(&configuration)
    let client = try RPCClient(target: RPCTarget(addresses: addresses), configuration: configuration)
    let result: Result
    do {
        result = try await body(client)
    } catch {
        await client.close()
        throw error
    }
    await client.close()
    return result
}

/// The error of a call that must fail.
func failure(_ call: () async throws -> Void) async -> RPCError? {
    do {
        try await call()
        return nil
    } catch {
        return error as? RPCError
    }
}

/// A router with one method of each kind, all echoing.
func echoRouter() -> RPCRouter {
    var router = RPCRouter()
    router.unary("t.Echo/Unary") { (request: Text, _: RPCContext) async throws -> Text in request }
    router.serverStreaming("t.Echo/Count") {
        (request: Number, responses: RPCResponseWriter<Number>, _: RPCContext) async throws in
        for number in 0..<request.value { try await responses.write(Number(number)) }
    }
    router.clientStreaming("t.Echo/Sum") {
        (requests: RPCRequestStream<Number>, _: RPCContext) async throws -> Number in
        var sum: Int64 = 0
        for try await request in requests { sum += request.value }
        return Number(sum)
    }
    router.bidirectional("t.Echo/Chat") {
        (requests: RPCRequestStream<Text>, responses: RPCResponseWriter<Text>, _: RPCContext) async throws in
        for try await request in requests { try await responses.write(request) }
    }
    return router
}
