import CairnRPC
import CairnTestWaits
import Foundation
import SwiftProtobuf
import Testing

/// Everything is freed, whichever side goes away and when.
@Suite("Memory", .timeLimit(.minutes(10)))
struct MemoryTests {
    @Test("nothing outlives its connection") func stress() async throws {
        // Loops of their own, as what lives is counted by loops.
        let loops = RPCEventLoops(count: 2)
        var router = echoRouter()
        router.serverStreaming("t.T/Flood") {
            (_: Text, writer: RPCResponseWriter<Bytes>, _: RPCContext) async throws in
            let message = try EncodedMessage(Bytes(Data(count: 10_000)))
            while true { try await writer.writeEncoded(message) }
        }
        for round in 0..<10 {
            try await withServer(router, configure: { $0.eventLoops = loops }) { server in
                try await withClient(
                    server.addresses,
                    configure: {
                        $0.connections = 3
                        $0.eventLoops = loops
                    }
                ) { client in
                    try await MemoryTests.abuse(client, seed: round)
                    // Every other round the server goes first.
                    if round % 2 == 0 { await server.shutdownGracefully(deadline: .zero) }
                }
            }
        }
        try await eventually("nothing is left of the calls") {
            loops.live.streams.value == 0 && loops.live.sessions.value == 0
        }
        try await loops.shutdown()
    }

    private static func abuse(_ client: RPCClient, seed: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<60 {
                group.addTask {
                    switch (index + seed) % 5 {
                    case 0: _ = try await client.unary("t.Echo/Unary", Text("\(index)"), as: Text.self)
                    case 1:
                        let stream = try client.serverStreaming("t.T/Flood", Text(""), as: Bytes.self)
                        var flood = stream.makeAsyncIterator()
                        for _ in 0..<index { _ = try await flood.next() }
                    case 2:
                        let call = Task { try await client.unary("t.Echo/Unary", Text("x"), as: Text.self) }
                        call.cancel()
                        _ = await call.result
                    case 3:
                        let chat = try client.bidirectional("t.Echo/Chat", sending: Text.self, as: Text.self)
                        try await chat.requests.write(Text("a"))
                        var responses = chat.responses.makeAsyncIterator()
                        _ = try await responses.next()
                    default:
                        let options = RPCCallOptions(timeout: .microseconds(Int64(index * 50)))
                        _ = await failure {
                            _ = try await client.unary("t.Echo/Unary", Text("x"), options: options, as: Text.self)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
