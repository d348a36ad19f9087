import CairnClient
import CairnKeyspace
import CairnMemory
import CairnModel
import CairnProtocol
import CairnSecurity
import CairnWire
import Logging
import SwiftProtobuf
import Testing

@testable import CairnRPC
@testable import CairnServer

/// Every method of every service, by name: a new one without a rule fails here.
@Suite("Rules of methods")
struct MethodRuleTests {
    private func registered() async throws -> [String] { try await router().methods }

    private func router() async throws -> RPCRouter {
        let store = try await Keyspace.open { () throws(StoreError) -> any Engine in MemoryEngine() }
        let door = GRPCDoor(
            store: store, configuration: CairnServer.Configuration(grpc: RPCServerConfiguration(addresses: [])),
            writes: WriteSwitch(), clients: ClientRegistry(), stopRequest: StopRequest(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await store.close()
        return door.router
    }

    @Test("every method that is served has a rule, and every rule a method")
    func complete() async throws {
        #expect(try await registered() == MethodRule.table.keys.sorted())
        #expect(MethodRule.of("cairn.v1.KeyValue/NotThereYet") == .admin)
    }

    @Test("who makes a call that may last is looked at again: every stream but health's, and the wait for a lock")
    func lasting() async throws {
        let streams = try await router().routes.values.filter { $0.streamsRequests || $0.streamsResponses }.map(
            \.method)
        let asked = Set(streams.filter { MethodRule.of($0) != .anybody })
        #expect(asked.union(["cairn.v1.Locks/Lock"]) == MethodRule.lasting)
    }

    @Test("every method of our protos is served")
    func served() async throws {
        let registered = Set(try await registered())
        let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: fileDescriptorSet).file
        var declared: [String] = []
        for file in files where file.package.hasPrefix("cairn.") || file.package.hasPrefix("grpc.") {
            for service in file.service {
                declared += service.method.map { "\(file.package).\(service.name)/\($0.name)" }
            }
        }
        #expect(declared.count > 30 && registered.isSuperset(of: declared), "\(Set(declared).subtracting(registered))")
    }

    /// What becomes of a call with an empty request.
    private func call(_ method: String, on rpc: RPCClient, _ metadata: RPCMetadata) async throws -> StoreError? {
        do {
            let _: Cairn_V1_StatsResponse = try await rpc.unary(
                method, Cairn_V1_StatsRequest(), options: RPCCallOptions(metadata: metadata))
            return nil
        } catch let error as RPCError {
            return StoreError(error)
        }
    }

    @Test("without a token, or with a wrong one, every method but health is refused, however it streams")
    func withoutToken() async throws {
        try await withSecuredServer([entry("web", [.init("", .readWrite)])]) { (secured) async throws in
            let rpc = try secured.rpc()
            for method in try await registered() where MethodRule.of(method) != .anybody {
                #expect(try await call(method, on: rpc, [:])?.code == .tokenMissing, "\(method)")
                let wrong = try await call(method, on: rpc, ["authorization": "Bearer x"])
                #expect(wrong?.code == .tokenInvalid, "\(method)")
            }
            let health: Grpc_Health_V1_HealthCheckResponse = try await rpc.unary(
                "grpc.health.v1.Health/Check", Grpc_Health_V1_HealthCheckRequest())
            #expect(health.status == .serving)
            await rpc.close()
        }
    }

    @Test("with a token that allows nothing, nothing of the store is told or done")
    func withoutPermission() async throws {
        // What an empty request of these does, anybody who is known may: nothing, or to say what the server is.
        let harmless: Set = [
            "cairn.v1.Maintenance/Status", "cairn.v1.KeyValue/Import", "cairn.v1.KeyValue/Commit",
            "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ]
        try await withSecuredServer([entry("nobody")]) { (secured) async throws in
            let rpc = try secured.rpc()
            for method in try await registered() where MethodRule.of(method) != .anybody && !harmless.contains(method) {
                let code = try await call(method, on: rpc, ["authorization": "Bearer nobody-token"])?.code
                // The first request of Consume names nobody here, which comes before.
                let isRefused =
                    code == .permissionMissing || code == .notAdmin
                    || (method.hasSuffix("/Consume") && code == .invalidArgument)
                #expect(isRefused, "\(method): \(String(describing: code))")
                if MethodRule.of(method) == .admin { #expect(code == .notAdmin, "\(method)") }
            }
            await rpc.close()
        }
    }

    @Test("where nobody is asked, all is as open as ever, but for what changes the server")
    func open() async throws {
        try await withSecuredServer(nil) { (secured) async throws in
            let rpc = try secured.rpc()
            for method in ["cairn.v1.Admin/SetReadOnly", "cairn.v1.Admin/Shutdown"] {
                #expect(try await call(method, on: rpc, [:])?.code == .adminNotConfigured, "\(method)")
            }
            await rpc.close()
            try await secured.client(nil) { (client) async throws in
                try await client.set("a", "1")
                try await client.compact(before: 1)
                #expect(try await client.get("a")?.value == "1")
            }
        }
        try await withSecuredServer(nil, admins: ["ops"]) { (secured) async throws in
            #expect(try await secured.refusal(nil) { try await $0.setReadOnly(true) } == .notAdmin)
            #expect(try await secured.refusal(nil, clientID: "x") { try await $0.shutdownServer() } == .notAdmin)
            try await secured.client(nil, clientID: "ops") { (client) async throws in
                #expect(try await client.setReadOnly(true) == false)
                #expect(try await client.setReadOnly(false) == true)
            }
        }
    }
}
