import CairnRPC
import SwiftProtobuf
import Synchronization
import Testing

/// Frames that are cheap to send: each kind is counted, and a client that sends too many loses its connection.
@Suite("Floods", .serialized, .timeLimit(.minutes(10)))
struct FloodTests {
    private typealias Kind = RawConnection.FrameType
    private static let enhanceYourCalm: UInt32 = 0xB

    /// Expects that `attack` ends the connection, and that the server says why.
    ///
    /// A server that closes with bytes unread resets the connection, and its GOAWAY may be lost; so `attack` must send
    /// no more than it takes, and where the last word is lost all the same, it is tried again.
    private func expectEnd(
        configure: (inout RPCServerConfiguration) -> Void = { _ in },
        _ attack: @escaping @Sendable (RawConnection) -> Void
    ) async throws {
        let reason = Mutex<UInt32?>(nil)
        for _ in 0..<10 where reason.withLock({ $0 }) == nil {
            try await survive(configure: configure) { connection in
                connection.shakeHands()
                attack(connection)
                let code = try connection.readGoAway()
                reason.withLock { $0 = code }
                try connection.readUntilClosed()
            }
        }
        #expect(reason.withLock { $0 } == Self.enhanceYourCalm)
    }

    @Test("window updates") func windowUpdates() async throws {
        try await expectEnd(configure: { $0.limits.windowUpdates = .init(burst: 20, perSecond: 0) }) { connection in
            for _ in 0..<21 { connection.send(Kind.windowUpdate, [0, 0, 0, 1]) }
        }
    }

    @Test("a client that reads much may send as many window updates as that needs") func earnedWindowUpdates()
        async throws
    {
        try await survive(configure: { $0.limits.windowUpdates = .init(burst: 1, perSecond: 0) }) { connection in
            connection.shakeHands()
            for number in 0..<5 as Range<UInt32> {
                let stream = 2 * number + 1
                connection.call("/t.Echo/Unary", stream: stream, message: [0x0A, 1, 0x61])
                let status = try connection.readStatus(stream: stream)
                #expect(status?["grpc-status"] == "0")
                // Ten for the request, and ten for its response.
                for _ in 0..<20 { connection.send(Kind.windowUpdate, [0, 0, 0, 1]) }
            }
            for _ in 0..<2 { connection.send(Kind.windowUpdate, [0, 0, 0, 1]) }
            let code = try connection.readGoAway()
            #expect(code == Self.enhanceYourCalm)
        }
    }

    @Test("frames of no known type") func unknownFrames() async throws {
        try await expectEnd(configure: { $0.limits.oddFrames = .init(burst: 20, perSecond: 0) }) { connection in
            for _ in 0..<21 { connection.send(0x42, [1, 2, 3]) }
        }
    }

    @Test("DATA with nothing but padding") func paddedData() async throws {
        try await expectEnd(configure: { $0.limits.emptyData = .init(burst: 20, perSecond: 0) }) { connection in
            connection.send(Kind.headers, flags: 4, stream: 1, RawConnection.request("/t.Echo/Chat"))
            for _ in 0..<21 { connection.send(Kind.data, flags: 8, stream: 1, [2, 0, 0]) }
        }
    }

    @Test("HEADERS with nothing in them") func emptyHeaders() async throws {
        try await expectEnd(configure: { $0.limits.oddFrames = .init(burst: 20, perSecond: 0) }) { connection in
            for number in 0..<21 as Range<UInt32> { connection.send(Kind.headers, flags: 5, stream: 2 * number + 1) }
        }
    }

    @Test("CONTINUATION with nothing in them, no more in one block than are allowed") func emptyContinuations()
        async throws
    {
        try await expectEnd(configure: { $0.limits.oddFrames = .init(burst: 23, perSecond: 0) }) { connection in
            for stream in [1, 3, 5] as [UInt32] {
                connection.send(Kind.headers, flags: 1, stream: stream, RawConnection.request("/t.Echo/Chat"))
                for _ in 0..<7 { connection.send(Kind.continuation, stream: stream) }
                connection.send(Kind.continuation, flags: 4, stream: stream)
            }
        }
    }

    @Test("answers to pings that nobody sent") func pingAnswers() async throws {
        try await expectEnd(configure: { $0.limits.pings = .init(burst: 20, perSecond: 0) }) { connection in
            for _ in 0..<21 { connection.send(Kind.ping, flags: 1, Array(repeating: 0, count: 8)) }
        }
    }

    @Test("GOAWAY after GOAWAY") func goAways() async throws {
        try await expectEnd(configure: { $0.limits.oddFrames = .init(burst: 20, perSecond: 0) }) { connection in
            for _ in 0..<21 { connection.send(Kind.goAway, [0, 0, 0, 0, 0, 0, 0, 0]) }
        }
    }

    @Test("streams that the server has to reset (CVE-2025-8671)") func brokenStreams() async throws {
        try await expectEnd(configure: { $0.limits.resets = .init(burst: 10, perSecond: 0) }) { connection in
            for number in 0..<11 as Range<UInt32> {
                let stream = 2 * number + 1
                // The content is longer than was announced.
                let request = RawConnection.request("/t.Echo/Chat", [("content-length", "1")])
                connection.send(Kind.headers, flags: 4, stream: stream, request)
                connection.send(Kind.data, stream: stream, [0, 0])
            }
        }
    }

    @Test("a header block that grows when it is unpacked costs its call, and nothing else") func headerBomb()
        async throws
    {
        try await survive { connection in
            connection.shakeHands()
            // One field of 3,000 bytes is put into the table (RFC 7541, section 6.2.1), and then named 10,000 times.
            var entry = RawConnection.block([("x", String(repeating: "x", count: 3_000))])
            entry[0] = 0x40
            let block = RawConnection.request("/t.Echo/Unary") + entry + Array(repeating: 0xBE, count: 10_000)
            connection.send(Kind.headers, flags: 5, stream: 1, block)
            let reset = try connection.read(until: Kind.reset, stream: 1)
            #expect(reset?.payload == [0, 0, 0, 0xB])
            // Both sides' tables still agree: the field of the next request is the one that was put in.
            connection.send(Kind.headers, flags: 4, stream: 3, RawConnection.request("/t.Echo/Unary") + [0xBE])
            connection.send(Kind.data, flags: 1, stream: 3, RawConnection.prefixed([]))
            let status = try connection.readStatus(stream: 3)
            #expect(status?["grpc-status"] == "0")
        }
    }

    @Test("a header block of a refused request must end too") func slowRefusedHeaders() async throws {
        try await survive(configure: {
            $0.limits.maxConcurrentStreams = 1
            $0.limits.headersTimeout = .milliseconds(50)
        }) { connection in
            connection.shakeHands()
            connection.send(Kind.headers, flags: 4, stream: 1, RawConnection.request("/t.Echo/Chat"))
            connection.send(Kind.headers, stream: 3, RawConnection.request("/t.Echo/Chat"))
            try connection.readUntilClosed()
        }
    }

    @Test("a path counts as the other fields do, and an unknown one isn't told back whole") func longPath()
        async throws
    {
        try await survive { connection in
            connection.shakeHands()
            let long = RawConnection.request("/" + String(repeating: "p", count: 16_000))
            connection.send(Kind.headers, stream: 1, Array(long.prefix(10_000)))
            connection.send(Kind.continuation, flags: 4, stream: 1, Array(long.dropFirst(10_000)))
            connection.send(Kind.data, flags: 1, stream: 1, RawConnection.prefixed([]))
            let unknown = try connection.readStatus(stream: 1)
            #expect(unknown?["grpc-status"] == "12")
            #expect(unknown?["grpc-message"]?.utf8.count == "unknown method ".utf8.count + 256)
            let longer = RawConnection.request("/" + String(repeating: "p", count: 16_400))
            connection.send(Kind.headers, stream: 3, Array(longer.prefix(10_000)))
            connection.send(Kind.continuation, flags: 4, stream: 3, Array(longer.dropFirst(10_000)))
            let refused = try connection.readStatus(stream: 3)
            #expect(refused?["grpc-status"] == "8")
        }
    }
}
