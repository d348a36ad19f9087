import CairnClient
import CairnMemory
import CairnModel
import CairnProtocol
import CairnRPC
import CairnSecurity
import CairnServer
import Foundation
import Logging
import SwiftProtobuf
import Testing

@testable import CairnKeyspace

/// Metrics of keys, and pruning, over gRPC.
@Suite("Inspection and pruning over gRPC")
struct InspectionTests {
    private func withCountingServer(
        _ configure: (inout KeyspaceOptions) -> Void = { _ in },
        _ body: (CairnClient, RPCClient) async throws -> Void
    ) async throws {
        var options = KeyspaceOptions()
        options.keyMetrics = 100
        configure(&options)
        let store = try await Keyspace.open(options: options) { () throws(StoreError) in MemoryEngine() }
        var configuration = CairnServer.Configuration(
            grpc: RPCServerConfiguration(addresses: [.hostPort("127.0.0.1", 0)]))
        (configuration.pruner, configuration.keyMetrics) = (store, store)
        configuration.access = AccessControl(adminClientIDs: ["ann"])
        let server = try await CairnServer(
            store: store, configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let client = try CairnClient(to: server.addresses)
        let plain = try RPCClient(target: RPCTarget(addresses: server.addresses))
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(client, plain))
        } catch {
            outcome = .failure(error)
        }
        await client.close()
        await plain.close()
        await server.stop()
        await store.close()
        try outcome.get()
    }

    @Test("an inspection with metrics does not count itself; reads by the short way are counted")
    func metrics() async throws {
        try await withCountingServer { client, plain in
            try await client.set("key", "1")
            _ = try await client.get("key")
            let request = Cairn_V1_GetRequest.with { $0.key = Data("key".utf8) }
            let _: Cairn_V1_GetResponse = try await plain.unary("cairn.v1.KeyValue/Get", request)
            let first = try #require(try await client.inspectWithMetrics("key", withValue: true))
            #expect(first.inspection.record.value == "1")
            #expect(first.metrics?.accesses.count == 2 && first.metrics?.sets.count == 1)
            let second = try #require(try await client.inspectWithMetrics("key"))
            #expect(second.metrics?.accesses.count == 3 && second.inspection.record.value == "")
            try await client.delete("key")
            #expect(try await client.inspectWithMetrics("key") == nil)
            #expect(try await client.keyMetrics(of: "key")?.accesses.count == 3)
            #expect(try await client.keyMetrics(of: "never") == nil)
        }
    }

    @Test("a server that counts nothing says so, and inspects all the same")
    func uncounted() async throws {
        try await withCountingServer({ $0.keyMetrics = 0 }) { client, _ in
            try await client.set("key", "1")
            let found = try #require(try await client.inspectWithMetrics("key"))
            #expect(found.metrics == nil && found.inspection.size == 1)
            let error = await #expect(throws: StoreError.self) { _ = try await client.keyMetrics(of: "key") }
            #expect(error?.code == .unsupported)
        }
    }

    @Test("pruning when an admin asks for it")
    func prune() async throws {
        try await withCountingServer { client, _ in
            for number in 0..<5 { try await client.set(Key("k/\(number)"), "1") }
            #expect(try await client.prune(to: 2, ignoring: ["k/0"], clientID: "ann") == 3)
            let keys = try await client.list(ListRequest(range: .all)).records.map(\.key)
            #expect(keys == ["k/0", "k/4"])
            for try await update in try await client.watch(
                WatchRequest(range: .all, start: .ref(0), kinds: [.pruned], untilHead: true))
            {
                guard case .events(let events) = update else { continue }
                #expect(events.map(\.key) == ["k/1", "k/2", "k/3"] && events.allSatisfy { $0.clientID == "ann" })
            }
            let error = await #expect(throws: StoreError.self) { _ = try await client.prune(to: -1, clientID: "ann") }
            #expect(error?.code == .invalidArgument)
            let refused = await #expect(throws: StoreError.self) { _ = try await client.prune(to: 1, clientID: "bob") }
            #expect(refused?.code == .notAdmin)
        }
        try await withServedStore(access: AccessControl(adminClientIDs: ["ann"])) { _, client in
            let error = await #expect(throws: StoreError.self) { _ = try await client.prune(to: 1, clientID: "ann") }
            #expect(error?.code == .unsupported)
        }
    }

    @Test("a key beyond the most there may be is RESOURCE_EXHAUSTED, with its reason")
    func maxKeys() async throws {
        try await withCountingServer({ $0.limits.keys = 1 }) { client, plain in
            try await client.set("a", "1")
            let error = await #expect(throws: StoreError.self) { try await client.set("b", "1") }
            #expect(error?.code == .maxKeys && error?.key == "b")
            let request = Cairn_V1_SetRequest.with { $0.key = Data("b".utf8) }
            let status = await #expect(throws: RPCError.self) {
                let _: Cairn_V1_SetResponse = try await plain.unary("cairn.v1.KeyValue/Set", request)
            }
            #expect(status?.code == .resourceExhausted)
            #expect(try await client.set("a", "2").version == 2)
        }
    }

    @Test("a set request can ask to be left out, too")
    func unchanged() async throws {
        try await withCountingServer { _, plain in
            var request = Cairn_V1_SetRequest.with {
                $0.key = Data("a".utf8)
                $0.value = Data("1".utf8)
                $0.skipIfUnchanged = true
            }
            for expected: Int64 in [1, 1, 2] {
                if expected == 2 { request.skipIfUnchanged = false }
                let response: Cairn_V1_SetResponse = try await plain.unary("cairn.v1.KeyValue/Set", request)
                #expect(response.record.version == expected)
            }
        }
    }
}
