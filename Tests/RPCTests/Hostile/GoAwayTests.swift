import CairnRPC
import CairnTestWaits
import SwiftProtobuf
import Testing

/// What servers say when they drain, and what calls beyond a GOAWAY become.
@Suite("GOAWAY", .serialized, .timeLimit(.minutes(10)))
struct GoAwayTests {
    private typealias Kind = RawConnection.FrameType

    @Test("draining is a notice, then the last stream once the ping is answered") func notice() async throws {
        try await withServer(echoRouter()) { server in
            guard case .hostPort(_, let port) = server.addresses[0] else { return }
            let stopping = Signal("the server stops")
            async let stop: Void = {
                try await stopping.wait()
                await server.shutdownGracefully(deadline: .seconds(30))
            }()
            try await blocking {
                let connection = try RawConnection(port: port)
                connection.shakeHands()
                connection.call("/t.Echo/Unary", stream: 1, message: [])
                let status = try connection.readStatus(stream: 1)
                #expect(status?["grpc-status"] == "0")
                stopping.set()
                let notice = try #require(try connection.read(until: Kind.goAway))
                #expect(Array(notice.payload.prefix(8)) == [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
                // A request that was on its way when the notice came is still served.
                connection.call("/t.Echo/Unary", stream: 3, message: [])
                let ping = try #require(try connection.read(until: Kind.ping))
                connection.send(Kind.ping, flags: 1, ping.payload)
                let last = try #require(try connection.read(until: Kind.goAway))
                #expect(Array(last.payload.prefix(8)) == [0, 0, 0, 3, 0, 0, 0, 0])
                try connection.readUntilClosed()
            }
            try await stop
        }
    }

    @Test("old connections are drained, and their client goes on with new ones") func maxAge() async throws {
        var router = RPCRouter()
        router.unary("t.T/Peer") { (_: Text, context: RPCContext) async throws -> Number in
            guard case .hostPort("127.0.0.1", let port) = context.peerAddress else { return Number(0) }
            return Number(Int64(port))
        }
        try await withServer(router, configure: { $0.keepalive.maxAge = .milliseconds(100) }) { server in
            // On a busy machine several connections in a row may be old before a call gets through.
            try await withClient(server.addresses, configure: { $0.maxTransparentRetries = 100 }) { client in
                var connections: Set<Int64> = []
                while connections.count < 3 {
                    connections.insert(try await client.unary("t.T/Peer", Text(""), as: Number.self).value)
                }
            }
        }
    }
}
