import CairnRPC
import SwiftProtobuf
import Testing

/// Clients that break the rules, or keep them in bad faith. After each, the server must serve others.
@Suite("Hostile frames", .serialized, .timeLimit(.minutes(10)))
struct HostileFrameTests {
    private typealias Kind = RawConnection.FrameType
    private static let enhanceYourCalm: UInt32 = 0xB

    @Test("an honest raw client is served") func honest() async throws {
        try await survive { connection in
            connection.shakeHands()
            connection.call("/t.Echo/Unary", stream: 1, message: [0x0A, 1, 0x61])
            let data = try #require(try connection.read(until: Kind.data))
            #expect(data.payload == [0, 0, 0, 0, 3, 0x0A, 1, 0x61])
            let status = try connection.readStatus(stream: 1)
            #expect(status?["grpc-status"] == "0")
        }
    }

    @Test("ping flood") func pings() async throws {
        try await survive { connection in
            connection.shakeHands()
            for _ in 0..<101 { connection.send(Kind.ping, Array(repeating: 0, count: 8)) }
            let code = try connection.readGoAway()
            #expect(code == Self.enhanceYourCalm)
            try connection.readUntilClosed()
        }
    }

    @Test("rapid resets") func resets() async throws {
        try await survive { connection in
            connection.shakeHands()
            var stream: UInt32 = 1
            for _ in 0..<600 {
                connection.send(Kind.headers, flags: 4, stream: stream, RawConnection.request("/t.Echo/Chat"))
                guard connection.send(Kind.reset, stream: stream, [0, 0, 0, 8]) else { break }
                stream += 2
            }
            // The server may close while the client still writes, and the GOAWAY is lost then.
            let code = try connection.readGoAway()
            #expect(code == nil || code == Self.enhanceYourCalm)
        }
    }

    @Test("settings flood") func settings() async throws {
        try await survive { connection in
            connection.shakeHands()
            for _ in 0..<25 { connection.send(Kind.settings) }
            let code = try connection.readGoAway()
            #expect(code == Self.enhanceYourCalm)
        }
    }

    @Test("too many entries in one SETTINGS frame") func settingsEntries() async throws {
        try await survive { connection in
            connection.write(RawConnection.preface)
            connection.send(Kind.settings, (0..<33).flatMap { _ in [0, 4, 0, 1, 0, 0] as [UInt8] })
            try connection.readUntilClosed()
        }
    }

    @Test("empty DATA flood") func emptyData() async throws {
        try await survive { connection in
            connection.shakeHands()
            connection.send(Kind.headers, flags: 4, stream: 1, RawConnection.request("/t.Echo/Unary"))
            for _ in 0..<510 { connection.send(Kind.data, stream: 1) }
            let code = try connection.readGoAway()
            #expect(code == Self.enhanceYourCalm)
        }
    }

    @Test("priority flood") func priorities() async throws {
        try await survive { connection in
            connection.shakeHands()
            for _ in 0..<510 { connection.send(Kind.priority, stream: 3, [0, 0, 0, 1, 16]) }
            let code = try connection.readGoAway()
            #expect(code == Self.enhanceYourCalm)
        }
    }

    @Test("CONTINUATION flood") func continuations() async throws {
        try await survive { connection in
            connection.shakeHands()
            connection.send(Kind.headers, stream: 1, RawConnection.request("/t.Echo/Unary"))
            for _ in 0..<50 { connection.send(Kind.continuation, stream: 1, RawConnection.block([("a", "b")])) }
            try connection.readUntilClosed()
        }
    }

    @Test("headers at the limit pass, and beyond it are answered", arguments: [0, 1])
    func oversizeHeaders(_ excess: Int) async throws {
        // What the usual fields take as HTTP/2 counts them; one more field fills the rest.
        let usual = [
            (":method", "POST"), (":scheme", "http"), (":path", "/t.Echo/Unary"), (":authority", "test"),
            ("te", "trailers"), ("content-type", "application/grpc"),
        ].reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 }
        let filler = String(repeating: "x", count: 16 * 1024 - usual - 33 + excess)
        try await survive { connection in
            connection.shakeHands()
            let block = RawConnection.request("/t.Echo/Unary", [("x", filler)])
            connection.send(Kind.headers, stream: 1, Array(block.prefix(16_000)))
            connection.send(Kind.continuation, flags: 4, stream: 1, Array(block.dropFirst(16_000)))
            connection.send(Kind.data, flags: 1, stream: 1, RawConnection.prefixed([]))
            let status = try connection.readStatus(stream: 1)
            #expect(status?["grpc-status"] == (excess == 0 ? "0" : "8"))
        }
    }

    @Test("a header block that would fill memory ends the call, without an answer") func hugeHeaders() async throws {
        try await survive { connection in
            connection.shakeHands()
            let filler = String(repeating: "x", count: 15_000)
            connection.send(Kind.headers, stream: 1, RawConnection.request("/t.Echo/Unary"))
            for _ in 0..<7 { connection.send(Kind.continuation, stream: 1, RawConnection.block([("x", filler)])) }
            connection.send(Kind.continuation, flags: 4, stream: 1, RawConnection.block([("x", filler)]))
            let reset = try connection.read(until: Kind.reset, stream: 1)
            #expect(reset?.payload == [0, 0, 0, 0xB])
            connection.call("/t.Echo/Unary", stream: 3, message: [])
            let status = try connection.readStatus(stream: 3)
            #expect(status?["grpc-status"] == "0")
        }
    }

    @Test("a bad preface ends the connection") func badPreface() async throws {
        try await survive { connection in
            connection.write(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            try connection.readUntilClosed()
        }
    }

    @Test("a client that says nothing is closed") func silent() async throws {
        try await survive(configure: { $0.limits.handshakeTimeout = .milliseconds(50) }) { connection in
            try connection.readUntilClosed()
        }
    }

    @Test("headers that never end are closed") func slowHeaders() async throws {
        try await survive(configure: { $0.limits.headersTimeout = .milliseconds(50) }) { connection in
            connection.shakeHands()
            connection.send(Kind.headers, stream: 1, RawConnection.request("/t.Echo/Unary"))
            try connection.readUntilClosed()
        }
    }

    @Test("a request that never ends is answered") func slowBody() async throws {
        try await survive(configure: { $0.limits.requestBodyTimeout = .milliseconds(50) }) { connection in
            connection.shakeHands()
            connection.send(Kind.headers, flags: 4, stream: 1, RawConnection.request("/t.Echo/Unary"))
            connection.send(Kind.data, stream: 1, [0, 0, 0, 0, 9, 1])
            let status = try connection.readStatus(stream: 1)
            #expect(status?["grpc-status"] == "4")
        }
    }

    @Test("a silent peer with open calls is pinged and closed") func deadPeer() async throws {
        try await survive(configure: {
            $0.keepalive.interval = .milliseconds(30)
            $0.keepalive.timeout = .milliseconds(30)
        }) { connection in
            connection.shakeHands()
            connection.send(Kind.headers, flags: 4, stream: 1, RawConnection.request("/t.Echo/Chat"))
            try connection.readUntilClosed()
        }
    }

    @Test("a peer that gives no window is closed") func noWindow() async throws {
        try await survive(configure: { $0.limits.writeStallTimeout = .milliseconds(50) }) { connection in
            // SETTINGS_INITIAL_WINDOW_SIZE of 0: the response can never be sent.
            connection.shakeHands(settings: [0, 4, 0, 0, 0, 0])
            connection.call("/t.Echo/Unary", stream: 1, message: [0x0A, 1, 0x61])
            try connection.readUntilClosed()
        }
    }

    @Test("streams beyond a limit that the peer can't know yet are refused") func streamLimit() async throws {
        try await survive(configure: { $0.limits.maxConcurrentStreams = 3 }) { connection in
            connection.write(RawConnection.preface)
            connection.send(Kind.settings)
            for stream in [1, 3, 5, 7] as [UInt32] {
                connection.send(Kind.headers, flags: 4, stream: stream, RawConnection.request("/t.Echo/Chat"))
            }
            let reset = try #require(try connection.read(until: Kind.reset))
            #expect(reset.stream == 7)
            #expect(reset.payload == [0, 0, 0, 7])
        }
    }

    @Test("streams beyond a limit that the peer has acknowledged are refused, and the others go on")
    func brokenStreamLimit() async throws {
        try await survive(configure: { $0.limits.maxConcurrentStreams = 3 }) { connection in
            connection.shakeHands()
            let settings = try #require(try connection.read(until: Kind.settings))
            // SETTINGS_MAX_CONCURRENT_STREAMS is 3, and the peer is told of the limit alone.
            #expect(settings.payload.suffix(6) == [0, 3, 0, 0, 0, 3])
            for stream in [1, 3, 5, 7, 9] as [UInt32] {
                connection.send(Kind.headers, flags: 4, stream: stream, RawConnection.request("/t.Echo/Chat"))
            }
            for stream in [7, 9] as [UInt32] {
                let reset = try #require(try connection.read(until: Kind.reset))
                #expect(reset.stream == stream)
                #expect(reset.payload == [0, 0, 0, 7])
            }
            connection.send(Kind.data, flags: 1, stream: 5, RawConnection.prefixed([0x0A, 1, 0x61]))
            let ended = try connection.readStatus(stream: 5)
            #expect(ended?["grpc-status"] == "0")
            connection.call("/t.Echo/Unary", stream: 11, message: [0x0A, 1, 0x61])
            let next = try connection.readStatus(stream: 11)
            #expect(next?["grpc-status"] == "0")
        }
    }

    @Test("a peer that goes on beyond the limit on streams loses its connection") func refusals() async throws {
        try await survive(configure: {
            $0.limits.maxConcurrentStreams = 1
            $0.limits.refusals = .init(burst: 5, perSecond: 0)
        }) { connection in
            connection.shakeHands()
            for stream in 0..<7 as Range<UInt32> {
                let request = RawConnection.request("/t.Echo/Chat")
                connection.send(Kind.headers, flags: 4, stream: 2 * stream + 1, request)
            }
            let code = try connection.readGoAway()
            #expect(code == Self.enhanceYourCalm)
        }
    }
}
