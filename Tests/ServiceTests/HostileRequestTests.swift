import CairnClient
import CairnKeyspace
import CairnModel
import CairnProtocol
import CairnRPC
import CairnSecurity
import CairnTestSupport
import SwiftProtobuf
import Testing

@testable import CairnServer

/// Requests that are well formed, and out of all bounds.
@Suite("Hostile requests", .timeLimit(.minutes(10)))
struct HostileRequestTests {
    /// How many requests each method gets.
    private static let count = RandomRun.histories(60)

    /// Calls of every method that is served, in a random order.
    private func calls() throws -> [MethodCall] {
        let messages = try RandomMessages()
        var random = SeededGenerator(seed: RandomRun.seed)
        var calls: [MethodCall] = []
        for method in MethodRule.table.keys.sorted() {
            // The second edition of reflection has the messages of the first, and no file of its own.
            let known = messages.methods[method.replacing("v1alpha", with: "v1")]
            let descriptor = try #require(known, "\(method) has no descriptor")
            for _ in 0..<Self.count {
                let requests = try (0..<(descriptor.clientStreaming ? 1 + random.below(3) : 1)).map { _ in
                    try Cairn_V1_StatsRequest(serializedBytes: messages.message(descriptor.inputType, &random))
                }
                calls.append(MethodCall(method, carrying: requests))
            }
        }
        return calls.shuffled(using: &random)
    }

    @Test("whatever is asked of whichever method, the server has an answer, and goes on", arguments: Home.allCases)
    func everyMethod(_ home: Home) async throws {
        try await withServedStore(
            home, access: AccessControl(adminClientIDs: ["ann"]), store: { $0.keyMetrics = 100 },
            server: { ($0.pruner, $0.keyMetrics) = ($1, $1) }
        ) { served, client in
            try await client.set("a", "1")
            try await client.lock("locked", for: .seconds(600), createIfMissing: true, clientID: "ann")
            let rpc = try served.rpc()
            var calls = try calls()[...]
            let start = served.clock.now()
            while !calls.isEmpty {
                let some = calls.prefix(16)
                calls = calls.dropFirst(16)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for call in some { group.addTask { try await Self.expectAnswer(to: call, rpc) } }
                    try await group.waitForAll()
                }
                // Some of what was set is due then.
                if calls.count % 160 < 16 { served.clock.advance(by: .seconds(1)) }
                served.server.isReadOnly = false
            }
            #expect(served.clock.now() > start)
            // Whatever deadlines were given, they come or they don't.
            served.clock.advance(by: .seconds(200 * 365 * 86_400))
            let record = try await client.set("still here", "1")
            #expect(try await client.get("still here") == record)
            #expect(try await client.status().headRef >= record.updatedRef)
            // Else nothing would have been tried but the door.
            let ended = try await client.serverStats().calls.map(\.ended).reduce(into: [:]) {
                $0.merge($1, uniquingKeysWith: +)
            }
            let count = ended.values.reduce(0, +)
            #expect(ended["OK"] ?? 0 > count / 10, "CAIRN_SEED=\(RandomRun.seed) \(ended)")
            await rpc.close()
        }
    }

    /// What is wrong with a request is its sender's fault; INTERNAL and UNKNOWN would say that it is the server's.
    private static func expectAnswer(to call: MethodCall, _ rpc: RPCClient) async throws {
        do {
            // Who waits for a lock may wait for ever.
            try await call.run(on: rpc, untilEnd: false, options: RPCCallOptions(timeout: .seconds(1)))
        } catch let error as RPCError {
            let requests = call.requests.map { (try? $0.serializedBytes() as [UInt8]) ?? [] }
            #expect(
                ![.internal, .unknown, .unavailable].contains(error.code),
                "CAIRN_SEED=\(RandomRun.seed) \(call.method): \(error) for \(requests)")
        }
    }
}
