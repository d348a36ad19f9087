import CairnRPC
import SwiftProtobuf
import Testing

/// What servers say when they drain, and what calls beyond a GOAWAY become.
@Suite("GOAWAY", .serialized, .timeLimit(.minutes(1)))
struct GoAwayTests {
    private typealias Kind = RawConnection.FrameType

    @Test("draining is a notice, then the last stream once the ping is answered") func notice() async throws {
        try await withServer(echoRouter()) { server in
            guard case .hostPort(_, let port) = server.addresses[0] else { return }
            let connection = try RawConnection(port: port)
            connection.shakeHands()
            connection.call("/t.Echo/Unary", stream: 1, message: [])
            let status = try connection.readStatus(stream: 1)
            #expect(status?["grpc-status"] == "0")
            async let stop: Void = server.shutdownGracefully(deadline: .seconds(30))
            let notice = try #require(try connection.read(until: Kind.goAway))
            #expect(Array(notice.payload.prefix(8)) == [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
            // A request that was on its way when the notice came is still served.
            connection.call("/t.Echo/Unary", stream: 3, message: [])
            let ping = try #require(try connection.read(until: Kind.ping))
            connection.send(Kind.ping, flags: 1, ping.payload)
            let last = try #require(try connection.read(until: Kind.goAway))
            #expect(Array(last.payload.prefix(8)) == [0, 0, 0, 3, 0, 0, 0, 0])
            try connection.readUntilClosed()
            await stop
        }
    }

    @Test("old connections are drained, and their client goes on with new ones") func maxAge() async throws {
        try await withServer(echoRouter(), configure: { $0.keepalive.maxAge = .milliseconds(20) }) { server in
            try await withClient(server.addresses) { client in
                for index in 0..<3000 {
                    let echoed = try await client.unary("t.Echo/Unary", Text("\(index)"), as: Text.self)
                    #expect(echoed.value == "\(index)")
                }
            }
        }
    }
}
