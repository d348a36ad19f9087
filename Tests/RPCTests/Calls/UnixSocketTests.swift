import CairnRPC
import Foundation
import SwiftProtobuf
import Testing

/// The files that unix domain sockets leave, and whose they are.
@Suite("Unix sockets", .timeLimit(.minutes(10)))
struct UnixSocketTests {
    private func withPath(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/cairn-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder + "/s")
    }

    /// Leaves a socket's file behind, as a server does that is killed.
    private static func leaveBehind(_ path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The pointers are used only during the calls.
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0)
    }

    private func expectService(at path: String) async throws {
        try await withClient([.unix(path)]) { client in
            let echoed = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self)
            #expect(echoed.value == "a")
        }
    }

    @Test("a file that was left behind is taken over, and removed at the end") func leftBehind() async throws {
        try await withPath { path in
            try Self.leaveBehind(path)
            try await withServer(echoRouter(), addresses: [.unix(path)]) { _ in try await expectService(at: path) }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("of many servers that start at once on a file that was left behind, one gets it") func race() async throws {
        try await withPath { path in
            for _ in 0..<200 {
                try Self.leaveBehind(path)
                let servers = await withTaskGroup(of: Result<RPCServer, any Error>.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            do {
                                let configuration = RPCServerConfiguration(addresses: [.unix(path)])
                                return .success(
                                    try await RPCServer.start(
                                        router: echoRouter(), configuration: configuration, logger: quietLogger))
                            } catch {
                                return .failure(error)
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                let started = servers.compactMap { try? $0.get() }
                #expect(started.count == 1)
                for case .failure(let error) in servers {
                    #expect(error as? RPCSetupError == .addressInUse(.unix(path)))
                }
                try await expectService(at: path)
                for server in started { await server.shutdownGracefully(deadline: .zero) }
                #expect(!FileManager.default.fileExists(atPath: path))
            }
        }
    }

    @Test("a server that stops leaves another one's file alone") func foreignFile() async throws {
        try await withPath { path in
            try await withServer(echoRouter(), addresses: [.unix(path)]) { first in
                // Somebody has removed the file, and so another server can have the path.
                try FileManager.default.removeItem(atPath: path)
                try await withServer(echoRouter(), addresses: [.unix(path)]) { _ in
                    await first.shutdownGracefully(deadline: .zero)
                    try await expectService(at: path)
                }
            }
        }
    }

    @Test("a file that is no socket is not touched") func noSocket() async throws {
        try await withPath { path in
            try "a letter".write(toFile: path, atomically: true, encoding: .utf8)
            let error = await #expect(throws: RPCSetupError.self) {
                try await withServer(echoRouter(), addresses: [.unix(path)]) { _ in }
            }
            #expect(error?.description == "can't listen on unix:\(path): a file that is no socket is there")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "a letter")
        }
    }

    @Test("if one address can't be had, none stays bound") func allOrNothing() async throws {
        try await withPath { path in
            let addresses = [RPCAddress.unix(path), .unix("/nonexistent/folder/socket")]
            await #expect(throws: RPCSetupError.self) {
                try await withServer(echoRouter(), addresses: addresses) { _ in }
            }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }
}
