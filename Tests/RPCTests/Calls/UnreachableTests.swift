import CairnRPC
import Foundation
import SwiftProtobuf
import Testing

/// What calls are told when no server can be reached.
@Suite("Unreachable servers", .timeLimit(.minutes(10)))
struct UnreachableTests {
    @Test("who isn't there is named, with the cause") func refused() async throws {
        // Nobody listens on the first port.
        try await withClient([.hostPort("127.0.0.1", 1)]) { client in
            let error = await failure { _ = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self) }
            #expect(error?.code == .unavailable)
            #expect(error?.message == "can't connect to 127.0.0.1:1: Connection refused")
            #expect(error?.wasNotProcessed == true)
        }
    }

    @Test("a deadline that passes before there is a connection says why there is none") func deadline() async throws {
        let options = RPCCallOptions(timeout: .milliseconds(100), waitForReady: true)
        try await withClient([.hostPort("127.0.0.1", 1)]) { client in
            // So that there is a cause to tell, however slow the machine is.
            _ = await failure { _ = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self) }
            let error = await failure {
                _ = try await client.unary("t.Echo/Unary", Text("a"), options: options, as: Text.self)
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.message == "can't connect to 127.0.0.1:1: Connection refused")
            #expect(error?.wasNotProcessed == true)
        }
    }

    @Test("a server that accepts and says nothing is named too") func silent() async throws {
        // The kernel accepts for a listener that never does.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The pointers are used only during the calls.
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        try #require(isListening)
        let port = Int(UInt16(bigEndian: address.sin_port))
        try await withClient([.hostPort("127.0.0.1", port)]) { client in
            let options = RPCCallOptions(timeout: .milliseconds(50))
            let error = await failure {
                _ = try await client.unary("t.Echo/Unary", Text("a"), options: options, as: Text.self)
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.message == "can't connect to 127.0.0.1:\(port): no answer in time")
            #expect(error?.wasNotProcessed == true)
        }
    }
}
