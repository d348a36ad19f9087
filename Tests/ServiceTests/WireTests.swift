import CairnClient
import CairnModel
import CairnProtocol
import CairnRPC
import CairnServer
import Foundation
import SwiftProtobuf
import Testing

@testable import CairnWire

/// What goes over the wire beside the contract: limits, bad bytes, health, reflection, streams both ways.
@Suite("The wire", .timeLimit(.minutes(10)))
struct WireTests {
    /// The status and the reason that a call fails with.
    private func refusal(_ body: () async throws -> Void) async -> (RPCStatus.Code?, StoreError.Code?) {
        do {
            try await body()
            return (nil, nil)
        } catch let error as RPCError {
            return (error.code, StoreError(error).code)
        } catch {
            Issue.record(error)
            return (nil, nil)
        }
    }

    @Test("a value of 4 MiB is taken, read, listed and streamed; one byte more is refused", arguments: Home.allCases)
    func largestValue(_ home: Home) async throws {
        try await withServedStore(home) { _, client in
            let largest = Value(bytes: [UInt8](repeating: 0x5A, count: client.limits.valueBytes))
            let stream = try await client.watch(WatchRequest(range: .all))
            try await client.set("large", largest)
            #expect(try await client.get("large")?.value == largest)
            #expect(try await client.list(ListRequest(range: .all)).records.first?.value == largest)
            var updates = stream.makeAsyncIterator()
            while let update = try await updates.next() {
                guard case .events(let events) = update else { continue }
                #expect(events.first?.value == largest)
                break
            }
            do throws(StoreError) {
                try await client.set("larger", Value(bytes: largest.bytes + [0]))
                Issue.record("it was taken")
            } catch {
                #expect(error.code == .valueTooLarge)
            }
            #expect(try await client.get("larger") == nil)
        }
    }

    @Test("malformed messages, unknown methods and bad UTF-8 are refused, and the server goes on")
    func badBytes() async throws {
        try await withServedStore { served, client in
            let rpc = try served.rpc()
            var unknown = Cairn_V1_SetRequest()
            unknown.key = Data("k".utf8)
            let missing = await refusal {
                let _: Cairn_V1_GetResponse = try await rpc.unary("cairn.v1.KeyValue/Rename", unknown)
            }
            #expect(missing.0 == .unimplemented)
            let nobody = await refusal {
                let _: Cairn_V1_GetResponse = try await rpc.unary("nobody.v1.Service/Get", unknown)
            }
            #expect(nobody.0 == .unimplemented)
            // A GetRequest's field 1 is bytes; as the text of an acknowledgement's name it must be UTF-8.
            var bytes = Cairn_V1_GetRequest()
            bytes.key = Data([0xFF, 0xFE])
            let text = await refusal {
                let _: Cairn_V1_ConsumerResponse = try await rpc.unary("cairn.v1.Consumers/Acknowledge", bytes)
            }
            #expect(text.0 == .invalidArgument || text.0 == .internal, "\(text)")
            #expect(try await client.status().headRef == 0)
            await rpc.close()
        }
    }

    @Test("negative and future refs, unknown leases, a wrong request id")
    func badNumbers() async throws {
        try await withServedStore { served, _ in
            let rpc = try served.rpc()
            for (ref, expected) in [(Int64(-1), StoreError.Code.invalidRef), (99, .futureRef)] {
                let watch = await refusal {
                    let stream: RPCResponseStream<Cairn_V1_WatchResponse> = try rpc.serverStreaming(
                        "cairn.v1.Log/Watch", Cairn_V1_WatchRequest.with { $0.fromRef = ref })
                    for try await _ in stream {}
                }
                #expect(watch.1 == expected)
                let acknowledgement = await refusal {
                    let _: Cairn_V1_ConsumerResponse = try await rpc.unary(
                        "cairn.v1.Consumers/Acknowledge",
                        Cairn_V1_AcknowledgeRequest.with {
                            $0.name = "c"
                            $0.ref = ref
                        })
                }
                #expect(acknowledgement.1 == expected)
            }
            let id = await refusal {
                let _: Cairn_V1_SetResponse = try await rpc.unary(
                    "cairn.v1.KeyValue/Set",
                    Cairn_V1_SetRequest.with {
                        $0.key = Data("k".utf8)
                        $0.requestID = Data([1, 2, 3])
                    })
            }
            #expect(id.0 == .invalidArgument)
            await rpc.close()
        }
    }

    @Test("health: Check of every service, and Watch tells when the server stops")
    func health() async throws {
        try await withServedStore { served, _ in
            let rpc = try served.rpc()
            for service in ["", "cairn.v1.KeyValue", "cairn.v1.Log", "cairn.v1.Leases", "cairn.v1.Consumers"] {
                let response: Grpc_Health_V1_HealthCheckResponse = try await rpc.unary(
                    "grpc.health.v1.Health/Check", Grpc_Health_V1_HealthCheckRequest.with { $0.service = service })
                #expect(response.status == .serving)
            }
            let unknown = await refusal {
                let _: Grpc_Health_V1_HealthCheckResponse = try await rpc.unary(
                    "grpc.health.v1.Health/Check", Grpc_Health_V1_HealthCheckRequest.with { $0.service = "nobody" })
            }
            #expect(unknown.0 == .notFound)
            let stream: RPCResponseStream<Grpc_Health_V1_HealthCheckResponse> = try rpc.serverStreaming(
                "grpc.health.v1.Health/Watch", Grpc_Health_V1_HealthCheckRequest())
            var updates = stream.makeAsyncIterator()
            #expect(try await updates.next()?.status == .serving)
            async let stopped: Void = served.server.stop()
            #expect(try await updates.next()?.status == .notServing)
            await stopped
            await rpc.close()
        }
    }

    @Test("reflection lists every service, and each one's files can be read")
    func reflection() async throws {
        try await withServedStore { served, _ in
            let rpc = try served.rpc()
            let (requests, responses) = try rpc.bidirectional(
                "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                sending: Grpc_Reflection_V1_ServerReflectionRequest.self,
                as: Grpc_Reflection_V1_ServerReflectionResponse.self)
            var answers = responses.makeAsyncIterator()
            try await requests.write(.with { $0.listServices = "" })
            let services = try #require(try await answers.next()).listServicesResponse.service.map(\.name)
            #expect(services.filter { $0.hasPrefix("cairn.v1.") }.count == 9)
            for service in services {
                try await requests.write(.with { $0.fileContainingSymbol = service })
                let files = try #require(try await answers.next()).fileDescriptorResponse.fileDescriptorProto
                let decoded = try files.map { try Google_Protobuf_FileDescriptorProto(serializedBytes: $0) }
                let names = decoded.flatMap { file in file.service.map { "\(file.package).\($0.name)" } }
                #expect(names.contains(service), "\(service) is in \(decoded.map(\.name))")
            }
            try await requests.write(.with { $0.fileContainingSymbol = "nobody.v1.Service" })
            #expect(try await answers.next()?.errorResponse.errorCode == 5)
            requests.finish()
            #expect(try await answers.next() == nil)
            await rpc.close()
        }
    }
}
