import CairnRPC
import SwiftProtobuf
import Testing

/// Requests whose HTTP/2 is fine and whose gRPC isn't.
@Suite("Hostile messages", .serialized, .timeLimit(.minutes(10)))
struct HostileMessageTests {
    private typealias Kind = RawConnection.FrameType

    private func status(
        path: String = "/t.Echo/Unary", fields: [(String, String)] = [], type: String = "application/grpc",
        data: [UInt8]?, endStream: Bool = true
    ) async throws -> [String: String]? {
        try await withServer(echoRouter()) { server in
            guard case .hostPort(_, let port) = server.addresses[0] else { return nil }
            return try await blocking {
                let connection = try RawConnection(port: port)
                connection.shakeHands()
                let flags: UInt8 = data == nil ? 5 : 4
                connection.send(Kind.headers, flags: flags, stream: 1, RawConnection.request(path, fields, type: type))
                if let data { connection.send(Kind.data, flags: endStream ? 1 : 0, stream: 1, data) }
                let status = try connection.readStatus(stream: 1)
                // The connection still works.
                connection.call("/t.Echo/Unary", stream: 3, message: [0x0A, 1, 0x61])
                let next = try connection.readStatus(stream: 3)
                #expect(next?["grpc-status"] == "0")
                return status
            }
        }
    }

    @Test(
        "a length beyond the limit is refused before the message comes", arguments: ["/t.Echo/Unary", "/t.Echo/Chat"])
    func lyingLength(_ path: String) async throws {
        let status = try await status(path: path, data: [0, 0xFF, 0xFF, 0xFF, 0xFF], endStream: false)
        #expect(status?["grpc-status"] == "8")
        #expect(status?["grpc-message"] == "request of 4294967295 bytes exceeds the limit of 4259840 bytes")
    }

    @Test("a message cut off by the end is an error", arguments: ["/t.Echo/Unary", "/t.Echo/Chat"])
    func truncated(_ path: String) async throws {
        let status = try await status(path: path, data: [0, 0, 0, 0, 9, 1, 2])
        #expect(status?["grpc-status"] == "13")
    }

    @Test("a request without a message is an error", arguments: [nil, []] as [[UInt8]?])
    func noMessage(_ data: [UInt8]?) async throws {
        let status = try await status(data: data)
        #expect(status?["grpc-status"] == "13")
    }

    @Test("two messages for a unary call are an error") func twoMessages() async throws {
        let message = RawConnection.prefixed([0x0A, 1, 0x61])
        let status = try await status(data: message + message)
        #expect(status?["grpc-status"] == "13")
    }

    @Test("bytes that are no message are an invalid argument", arguments: ["/t.Echo/Unary", "/t.Echo/Chat"])
    func garbage(_ path: String) async throws {
        let status = try await status(path: path, data: RawConnection.prefixed([0xFF, 0xFF, 0xFF]))
        #expect(status?["grpc-status"] == "3")
        #expect(status?["grpc-message"] == "request is not a valid google.protobuf.StringValue message")
    }

    @Test("an invalid flag and an unannounced compression are errors", arguments: [1, 2] as [UInt8])
    func flags(_ flag: UInt8) async throws {
        let status = try await status(data: [flag, 0, 0, 0, 1, 0])
        #expect(status?["grpc-status"] == "13")
    }

    @Test("what isn't gRPC gets HTTP's 415") func contentType() async throws {
        let status = try await status(type: "application/json", data: [])
        #expect(status?[":status"] == "415")
        #expect(status?["grpc-status"] == nil)
    }

    @Test("an unknown encoding is not implemented") func encoding() async throws {
        let status = try await status(fields: [("grpc-encoding", "snappy")], data: [])
        #expect(status?["grpc-status"] == "12")
        #expect(status?["grpc-accept-encoding"] == "identity,gzip")
    }

    @Test("an unknown method is not implemented, and says so in one header block") func unknownMethod() async throws {
        let status = try await status(path: "/t.Echo/Nothing", data: [])
        #expect(status?["grpc-status"] == "12")
        #expect(status?[":status"] == "200")
    }

    @Test("a bad timeout is an error") func timeout() async throws {
        let status = try await status(fields: [("grpc-timeout", "1 minute")], data: [])
        #expect(status?["grpc-status"] == "13")
    }
}
