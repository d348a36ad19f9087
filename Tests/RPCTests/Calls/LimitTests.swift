import CairnRPC
import CairnTestWaits
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

/// The limits of a server at their edges, as its clients meet them.
@Suite("Limits of a server", .timeLimit(.minutes(10)))
struct LimitTests {
    private typealias Kind = RawConnection.FrameType

    /// Whether a new connection is served.
    private static func isServed(_ connection: RawConnection) throws -> Bool {
        connection.shakeHands()
        connection.call("/t.Echo/Unary", stream: 1, message: [])
        return try connection.readStatus(stream: 1)?["grpc-status"] == "0"
    }

    @Test("one connection too many is closed at once, and one that ends makes room") func connections() async throws {
        try await withServer(echoRouter(), configure: { $0.limits.maxConnections = 2 }) { server in
            guard case .hostPort(_, let port) = server.addresses[0] else { return }
            try await blocking {
                let first = try RawConnection(port: port)
                let isFirstServed = try Self.isServed(first)
                #expect(isFirstServed)
                do {
                    let second = try RawConnection(port: port)
                    let isSecondServed = try Self.isServed(second)
                    #expect(isSecondServed)
                    for _ in 0..<3 {
                        let isThirdServed = try Self.isServed(RawConnection(port: port))
                        #expect(!isThirdServed)
                    }
                    // The others are as they were.
                    second.call("/t.Echo/Unary", stream: 3, message: [])
                    let status3 = try second.readStatus(stream: 3)
                    #expect(status3?["grpc-status"] == "0")
                }
                // The server hears of the end in its own time.
                while try !Self.isServed(RawConnection(port: port)) {}
                first.call("/t.Echo/Unary", stream: 3, message: [])
                let status3 = try first.readStatus(stream: 3)
                #expect(status3?["grpc-status"] == "0")
            }
        }
    }

    @Test("a connection without calls is asked to end, and one with a silent call is not") func maxIdle() async throws {
        try await withServer(echoRouter(), configure: { $0.keepalive.maxIdle = .milliseconds(50) }) { server in
            guard case .hostPort(_, let port) = server.addresses[0] else { return }
            try await blocking {
                let busy = try RawConnection(port: port)
                busy.shakeHands()
                busy.send(Kind.headers, flags: 4, stream: 1, RawConnection.request("/t.Echo/Chat"))
                busy.send(Kind.data, stream: 1, RawConnection.prefixed([0x0A, 1, 0x61]))
                _ = try #require(try busy.read(until: Kind.data, stream: 1))
                let idle = try RawConnection(port: port)
                idle.shakeHands()
                let notice = try #require(try idle.read(until: Kind.goAway))
                #expect(notice.payload.suffix(from: 4).prefix(4) == [0, 0, 0, 0], "with NO_ERROR")
                try idle.readUntilClosed()
                busy.send(Kind.data, flags: 1, stream: 1, RawConnection.prefixed([0x0A, 1, 0x62]))
                let status1 = try busy.readStatus(stream: 1)
                #expect(status1?["grpc-status"] == "0")
            }
        }
    }

    @Test("a client whose idle connection was ended makes its next call on a new one") func afterIdle() async throws {
        try await withServer(echoRouter(), configure: { $0.keepalive.maxIdle = .milliseconds(50) }) { server in
            // On a busy machine several connections in a row may be idle for long before the call gets to them.
            try await withClient(server.addresses, configure: { $0.maxTransparentRetries = 100 }) { client in
                for _ in 0..<3 {
                    let echoed = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self)
                    #expect(echoed.value == "a")
                    try await eventually("the connection is closed") { server.connectionCount == 0 }
                }
            }
        }
    }

    @Test("pings find a peer that answers, and leave it alone") func keepalive() async throws {
        try await withServer(echoRouter(), configure: { $0.keepalive.interval = .milliseconds(20) }) { server in
            guard case .hostPort(_, let port) = server.addresses[0] else { return }
            try await blocking {
                let connection = try RawConnection(port: port)
                connection.shakeHands()
                for _ in 0..<3 {
                    let ping = try #require(try connection.read(until: Kind.ping))
                    #expect(ping.flags & 1 == 0)
                    connection.send(Kind.ping, flags: 1, ping.payload)
                }
                connection.call("/t.Echo/Unary", stream: 1, message: [])
                let status1 = try connection.readStatus(stream: 1)
                #expect(status1?["grpc-status"] == "0")
            }
        }
    }

    @Test("a message of the largest size passes, and one byte more does not", arguments: [true, false])
    func messageSize(_ compression: Bool) async throws {
        // A field's number and length take three bytes of the thousand.
        let largest = Bytes(Data(repeating: 0x61, count: 997))
        let tooLarge = Bytes(Data(repeating: 0x61, count: 998))
        let options = RPCCallOptions(compression: compression)
        var router = echoRouter()
        router.unary("t.T/Bytes") { (request: Bytes, _: RPCContext) async throws -> Bytes in request }
        router.clientStreaming("t.T/Size") {
            (requests: RPCRequestStream<Bytes>, _: RPCContext) async throws -> Number in
            var size = 0
            for try await request in requests { size += request.value.count }
            return Number(Int64(size))
        }
        try await withServer(router, configure: { $0.limits.maxReceiveMessageBytes = 1_000 }) { server in
            try await withClient(server.addresses) { client in
                let echoed = try await client.unary("t.T/Bytes", largest, options: options, as: Bytes.self)
                #expect(echoed == largest)
                let single = await failure {
                    _ = try await client.unary("t.T/Bytes", tooLarge, options: options, as: Bytes.self)
                }
                #expect(single?.code == .resourceExhausted)
                let size = try await client.clientStreaming("t.T/Size", options: options, as: Number.self) { writer in
                    for _ in 0..<3 { try await writer.write(largest) }
                }
                #expect(size.value == 3 * 997)
                let streamed = await failure {
                    _ = try await client.clientStreaming("t.T/Size", options: options, as: Number.self) { writer in
                        try await writer.write(tooLarge)
                    }
                }
                #expect(streamed?.code == .resourceExhausted)
            }
        }
    }

    @Test("a call that is given up while it waits for room to answer is forgotten with its request")
    func forgottenStart() async throws {
        let loops = RPCEventLoops(count: 1)
        var router = echoRouter()
        router.unary("t.T/Large") { (_: Text, _: RPCContext) async throws -> Bytes in Bytes(Data(count: 5_000)) }
        try await withServer(
            router,
            configure: {
                $0.eventLoops = loops
                $0.limits.maxQueuedConnectionBytes = 1_000
            }
        ) { server in
            guard case .hostPort(_, let port) = server.addresses[0] else { return }
            let connection = try await blocking {
                let connection = try RawConnection(port: port)
                // No window: the first answer stays where it is, and the calls after it aren't started.
                connection.shakeHands(settings: [0, 4, 0, 0, 0, 0])
                connection.call("/t.T/Large", stream: 1, message: [])
                _ = try connection.read(until: Kind.headers, stream: 1)
                for stream in [3, 5, 7] as [UInt32] { connection.call("/t.Echo/Unary", stream: stream, message: []) }
                connection.send(Kind.ping, Array(repeating: 0, count: 8))
                _ = try connection.read(until: Kind.ping)
                #expect(loops.live.streams.value == 4)
                for stream in [3, 5] as [UInt32] { connection.send(Kind.reset, stream: stream, [0, 0, 0, 8]) }
                return Held(connection)
            }
            try await eventually("two streams are left") { loops.live.streams.value == 2 }
            // With window for the first answer there is room for the call that was not given up.
            try await blocking {
                connection.value.send(Kind.windowUpdate, stream: 1, [0, 0, 0x40, 0])
                connection.value.send(Kind.windowUpdate, stream: 7, [0, 0, 0x40, 0])
                let status7 = try connection.value.readStatus(stream: 7)
                #expect(status7?["grpc-status"] == "0")
            }
        }
        try await loops.shutdown()
    }
}

/// A raw connection on its way from one blocking piece of a test to the next.
// Unchecked: one thread has it at a time.
private struct Held: @unchecked Sendable {
    let value: RawConnection

    init(_ value: RawConnection) { self.value = value }
}
