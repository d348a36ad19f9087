import CairnRPC
import CairnTestWaits
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Lives of calls and connections", .timeLimit(.minutes(10)))
struct LifecycleTests {
    /// A router whose handlers wait for ever, and tell when they begin and when they are cancelled.
    private static func stuckRouter(began: Signal, cancelled: Signal) -> RPCRouter {
        var router = echoRouter()
        let wait: @Sendable () async throws -> Void = {
            began.set()
            defer { cancelled.set() }
            // Longer than any test: only cancellation ends it.
            try await Task.sleep(for: .seconds(3600))
        }
        router.unary("t.T/Stuck") { (_: Text, _: RPCContext) async throws -> Text in
            try await wait()
            return Text("")
        }
        router.serverStreaming("t.T/Open") { (_: Text, writer: RPCResponseWriter<Text>, _: RPCContext) async throws in
            try await writer.write(Text("open"))
            try await wait()
        }
        router.serverStreaming("t.T/Watch", endsOnDrain: true) {
            (_: Text, writer: RPCResponseWriter<Text>, _: RPCContext) async throws in
            try await writer.write(Text("open"))
            try await wait()
        }
        return router
    }

    @Test("a deadline ends the call on both sides") func deadline() async throws {
        let began = Signal("the handler has begun")
        let cancelled = Signal("the handler is cancelled")
        try await withServer(Self.stuckRouter(began: began, cancelled: cancelled)) { server in
            try await withClient(server.addresses) { client in
                // A deadline may pass before the call is even sent: then the next one is longer.
                var timeout = Duration.milliseconds(50)
                while !began.isSet {
                    let error = await failure {
                        let options = RPCCallOptions(timeout: timeout)
                        _ = try await client.unary("t.T/Stuck", Text(""), options: options, as: Text.self)
                    }
                    #expect(error?.code == .deadlineExceeded)
                    timeout *= 2
                }
                try await cancelled.wait()
            }
        }
    }

    @Test("the handler sees the deadline, shortened to the server's bound") func deadlineValue() async throws {
        var router = RPCRouter()
        router.unary("t.T/Left") { (_: Text, context: RPCContext) async throws -> Number in
            guard let deadline = context.deadline else { return Number(-1) }
            return Number((deadline - .now).components.seconds)
        }
        try await withServer(router, configure: { $0.maxDeadline = .seconds(100) }) { server in
            try await withClient(server.addresses) { client in
                let none = try await client.unary("t.T/Left", Text(""), as: Number.self)
                #expect(none.value == -1)
                let bounded = try await client.unary(
                    "t.T/Left", Text(""), options: .init(timeout: .seconds(1000)), as: Number.self)
                #expect((50...100).contains(bounded.value))
            }
        }
    }

    @Test("cancelling the caller cancels the handler") func cancelCaller() async throws {
        let began = Signal("the handler has begun")
        let cancelled = Signal("the handler is cancelled")
        try await withServer(Self.stuckRouter(began: began, cancelled: cancelled)) { server in
            try await withClient(server.addresses) { client in
                let call = Task { try await client.unary("t.T/Stuck", Text(""), as: Text.self) }
                try await began.wait()
                call.cancel()
                let error = await failure { _ = try await call.value }
                #expect(error?.code == .cancelled)
                try await cancelled.wait()
            }
        }
    }

    @Test("a caller that is cancelled from the start gets its error all the same")
    func cancelledFromTheStart() async throws {
        try await withServer(echoRouter()) { server in
            try await withClient(server.addresses) { client in
                for _ in 0..<500 {
                    let call = Task { try await client.unary("t.Echo/Unary", Text(""), as: Text.self) }
                    call.cancel()
                    let error = await failure { _ = try await call.value }
                    #expect(error == nil || error?.code == .cancelled)
                }
            }
        }
    }

    @Test("dropping a response stream cancels the handler") func dropStream() async throws {
        let began = Signal("the handler has begun")
        let cancelled = Signal("the handler is cancelled")
        try await withServer(Self.stuckRouter(began: began, cancelled: cancelled)) { server in
            try await withClient(server.addresses) { client in
                for try await message in try client.serverStreaming("t.T/Open", Text(""), as: Text.self) {
                    #expect(message.value == "open")
                    break
                }
                try await cancelled.wait()
            }
        }
    }

    @Test("a lost connection fails the calls on it and cancels their handlers") func lostConnection() async throws {
        let began = Signal("the handler has begun")
        let cancelled = Signal("the handler is cancelled")
        try await withServer(Self.stuckRouter(began: began, cancelled: cancelled)) { server in
            try await withClient(server.addresses) { client in
                let call = Task { try await client.unary("t.T/Stuck", Text(""), as: Text.self) }
                try await began.wait()
                await server.shutdownGracefully(deadline: .zero)
                let error = await failure { _ = try await call.value }
                #expect(error?.code == .unavailable)
                #expect(error?.wasNotProcessed == false)
                try await cancelled.wait()
                let later = await failure { _ = try await client.unary("t.T/Stuck", Text(""), as: Text.self) }
                #expect(later?.code == .unavailable)
                #expect(later?.wasNotProcessed == true)
            }
        }
    }

    @Test("a graceful stop lets calls finish and ends watches at once") func gracefulStop() async throws {
        let began = Signal("the handler has begun")
        let cancelled = Signal("the handler is cancelled")
        let release = Signal("the handler may end")
        var router = Self.stuckRouter(began: began, cancelled: cancelled)
        router.unary("t.T/Held") { (_: Text, context: RPCContext) async throws -> Text in
            context.onDrain { release.set() }
            began.set()
            try await release.wait()
            return Text(context.isDraining ? "drained" : "too early")
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                var watch = try client.serverStreaming("t.T/Watch", Text(""), as: Text.self).makeAsyncIterator()
                let first = try await watch.next()
                #expect(first?.value == "open")
                let heldBegan = Signal("the call is on its way")
                let held = Task {
                    heldBegan.set()
                    return try await client.unary("t.T/Held", Text(""), as: Text.self)
                }
                try await heldBegan.wait()
                // A round trip on the same connection: the held call's request has arrived by now.
                _ = try await client.unary("t.Echo/Unary", Text(""), as: Text.self)
                await server.shutdownGracefully(deadline: .seconds(30))
                let ended = await failure { _ = try await watch.next() }
                #expect(ended?.code == .unavailable)
                let answer = try await held.value
                #expect(answer.value == "drained")
            }
        }
    }

    @Test("a client fails over to another address, and to the one that is there") func failOver() async throws {
        try await withServer(echoRouter()) { first in
            try await withServer(echoRouter()) { second in
                let nobody = RPCAddress.unix("/nonexistent/cairn.socket")
                try await withClient([nobody] + first.addresses + second.addresses) { client in
                    let before = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self)
                    #expect(before.value == "a")
                    // The client has answered when this returns, and so knows that the first server is gone.
                    await first.shutdownGracefully(deadline: .seconds(30))
                    let options = RPCCallOptions(waitForReady: true)
                    let after = try await client.unary("t.Echo/Unary", Text("b"), options: options, as: Text.self)
                    #expect(after.value == "b")
                    #expect(second.connectionCount == 1)
                }
            }
        }
    }

    @Test("waiting for readiness outlasts a server's absence") func waitForReady() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/cairn-\(UUID().uuidString).socket"
        try await withClient([.unix(path)], configure: { $0.backoff.initial = .milliseconds(1) }) { client in
            let refused = await failure { _ = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self) }
            #expect(refused?.wasNotProcessed == true)
            let options = RPCCallOptions(waitForReady: true)
            let answer = Task { try await client.unary("t.Echo/Unary", Text("b"), options: options, as: Text.self) }
            try await withServer(echoRouter(), addresses: [.unix(path)]) { _ in
                let echoed = try await answer.value
                #expect(echoed.value == "b")
            }
        }
    }

    @Test("more calls than the server takes at once wait their turn") func streamLimit() async throws {
        try await withServer(echoRouter(), configure: { $0.limits.maxConcurrentStreams = 2 }) { server in
            try await withClient(server.addresses) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<200 {
                        group.addTask {
                            let echoed = try await client.unary("t.Echo/Unary", Text("\(index)"), as: Text.self)
                            #expect(echoed.value == "\(index)")
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("an address in use, a bad path and no address are told apart") func setUpErrors() async throws {
        try await withServer(echoRouter()) { server in
            await #expect(throws: RPCSetupError.addressInUse(server.addresses[0])) {
                try await withServer(echoRouter(), addresses: server.addresses) { _ in }
            }
        }
        await #expect(throws: RPCSetupError.noAddress) { try await withServer(echoRouter(), addresses: []) { _ in } }
        let bad = RPCAddress.unix("/nonexistent/folder/socket")
        let error = await #expect(throws: RPCSetupError.self) {
            _ = try await withServer(echoRouter(), addresses: [bad]) { $0.addresses.count }
        }
        #expect(error?.description.contains("/nonexistent/folder/socket") == true)
    }

    @Test("a unix socket in use is not taken, and one that is left over is") func unixSockets() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/cairn-\(UUID().uuidString).socket"
        let address = RPCAddress.unix(path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        for _ in 0..<2 {
            try await withServer(echoRouter(), addresses: [address]) { server in
                await #expect(throws: RPCSetupError.addressInUse(address)) {
                    try await withServer(echoRouter(), addresses: [address]) { _ in }
                }
                try await withClient(server.addresses) { client in
                    let echoed = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self)
                    #expect(echoed.value == "a")
                }
            }
        }
    }

    @Test("a closed client refuses calls") func closedClient() async throws {
        try await withServer(echoRouter()) { server in
            let client = try RPCClient(target: RPCTarget(addresses: server.addresses))
            _ = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self)
            await client.close()
            let error = await failure { _ = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self) }
            #expect(error?.code == .unavailable)
            #expect(error?.wasNotProcessed == true)
        }
    }
}
