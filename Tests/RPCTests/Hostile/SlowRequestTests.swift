import CairnRPC
import CairnTestWaits
import SwiftProtobuf
import Testing

/// Clients that stream their requests and take their time.
@Suite("Slow requests", .serialized, .timeLimit(.minutes(10)))
struct SlowRequestTests {
    private typealias Kind = RawConnection.FrameType

    private static func hurry(_ configuration: inout RPCServerConfiguration) {
        configuration.limits.requestBodyTimeout = .milliseconds(50)
        configuration.limits.requestSilenceTimeout = .milliseconds(50)
        configuration.limits.pings = .init(burst: 1_000_000, perSecond: 0)
    }

    private static func begin(_ path: String, stream: UInt32, on connection: RawConnection) {
        connection.send(Kind.headers, flags: 4, stream: stream, RawConnection.request(path))
    }

    @Test("a message that isn't completed ends the call", arguments: ["/t.Echo/Chat", "/t.Echo/Sum"])
    func unfinishedMessage(_ path: String) async throws {
        try await survive(configure: {
            $0.limits.requestBodyTimeout = .milliseconds(50)
        }) { connection in
            connection.shakeHands()
            Self.begin(path, stream: 1, on: connection)
            connection.send(Kind.data, stream: 1, [0, 0, 0, 0, 9, 1])
            let status = try connection.readStatus(stream: 1)
            #expect(status?["grpc-status"] == "4")
        }
    }

    @Test("a message that comes byte by byte gets no more time") func trickle() async throws {
        try await survive(configure: Self.hurry) { connection in
            connection.shakeHands()
            Self.begin("/t.Echo/Chat", stream: 1, on: connection)
            // Three megabytes are announced: more than can come one at a time, each with a ping, in the time there is.
            connection.send(Kind.data, stream: 1, [0, 0, 0x30, 0, 0])
            while true {
                connection.send(Kind.data, stream: 1, [1])
                connection.send(Kind.ping, Array(repeating: 0, count: 8))
                let frame = try #require(try connection.read())
                guard frame.type != Kind.headers else { break }
            }
        }
    }

    @Test("silence between messages ends a call that awaits one response, and no call where both sides stream")
    func silence() async throws {
        try await survive(configure: Self.hurry) { connection in
            connection.shakeHands()
            Self.begin("/t.Echo/Chat", stream: 1, on: connection)
            connection.send(Kind.data, stream: 1, RawConnection.prefixed([0x0A, 1, 0x61]))
            Self.begin("/t.Echo/Sum", stream: 3, on: connection)
            connection.send(Kind.data, stream: 3, RawConnection.prefixed([0x08, 1]))
            let silent = try connection.readStatus(stream: 3)
            #expect(silent?["grpc-status"] == "4")
            // The first call has been silent for longer.
            connection.send(Kind.data, flags: 1, stream: 1, RawConnection.prefixed([0x0A, 1, 0x62]))
            let chat = try connection.readStatus(stream: 1)
            #expect(chat?["grpc-status"] == "0")
        }
    }

    @Test("a client isn't late while its messages wait for the handler") func slowHandler() async throws {
        let proceed = Signal("the handler may go on")
        var router = echoRouter()
        router.clientStreaming("t.T/Late") {
            (requests: RPCRequestStream<Number>, _: RPCContext) async throws -> Number in
            try await proceed.wait()
            var sum: Int64 = 0
            for try await request in requests { sum += request.value }
            return Number(sum)
        }
        try await survive(router, configure: Self.hurry) { connection in
            connection.shakeHands()
            Self.begin("/t.T/Late", stream: 1, on: connection)
            connection.send(Kind.data, stream: 1, RawConnection.prefixed([0x08, 1]))
            // A call that begins later is over when its time has passed, and so the first one's has.
            Self.begin("/t.Echo/Sum", stream: 3, on: connection)
            let silent = try connection.readStatus(stream: 3)
            #expect(silent?["grpc-status"] == "4")
            connection.send(Kind.data, flags: 1, stream: 1, RawConnection.prefixed([0x08, 2]))
            // It has arrived when the call after it is answered.
            connection.call("/t.Echo/Unary", stream: 5, message: [])
            let after = try connection.readStatus(stream: 5)
            #expect(after?["grpc-status"] == "0")
            proceed.set()
            let late = try connection.readStatus(stream: 1)
            #expect(late?["grpc-status"] == "0")
        }
    }

    @Test("the longest timeout that can be written is taken") func longestTimeout() async throws {
        try await survive { connection in
            connection.shakeHands()
            let request = RawConnection.request("/t.Echo/Unary", [("grpc-timeout", "99999999H")])
            connection.send(Kind.headers, flags: 4, stream: 1, request)
            connection.send(Kind.data, flags: 1, stream: 1, RawConnection.prefixed([]))
            let status = try connection.readStatus(stream: 1)
            #expect(status?["grpc-status"] == "0")
        }
    }
}
