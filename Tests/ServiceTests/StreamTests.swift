import CairnClient
import CairnModel
import CairnProtocol
import CairnRPC
import CairnTestSupport
import Foundation
import SwiftProtobuf
import Testing

@testable import CairnWire

/// The RPCs that the contract doesn't have: Import, Consume and KeepAliveStream; and Backup's pieces.
@Suite("Streaming RPCs", .timeLimit(.minutes(10)))
struct StreamTests {
    @Test("Import sets everything, and counts it", arguments: Home.allCases)
    func importing(_ home: Home) async throws {
        try await withServedStore(home) { served, client in
            let rpc = try served.rpc()
            // More than one transaction may hold, by count and by size.
            let response: Cairn_V1_ImportResponse = try await rpc.clientStreaming("cairn.v1.KeyValue/Import") {
                (writer: RPCRequestWriter<Cairn_V1_ImportRequest>) in
                for number in 0..<2_500 {
                    try await writer.write(
                        .with {
                            $0.set.key = Data("k/\(number)".utf8)
                            $0.set.value = Data(repeating: 1, count: number < 10 ? 1 << 20 : 10)
                            $0.clientID = "importer"
                        })
                }
            }
            #expect(response.count == 2_500 && response.ref == 2_500)
            #expect(try await client.status().headRef == 2_500)
            #expect(try await client.get("k/2499")?.updatedRef == 2_500)
            await rpc.close()
        }
    }

    @Test("an Import with a set that can't be fails, and says why")
    func badImport() async throws {
        try await withServedStore { served, client in
            let rpc = try served.rpc()
            await #expect(throws: RPCError.self) {
                let _: Cairn_V1_ImportResponse = try await rpc.clientStreaming("cairn.v1.KeyValue/Import") {
                    (writer: RPCRequestWriter<Cairn_V1_ImportRequest>) in
                    try await writer.write(.with { $0.set.key = Data("good".utf8) })
                    try await writer.write(.with { $0.set.value = Data("no key".utf8) })
                }
            }
            // Nothing was answered, so nothing is promised; but the server goes on.
            #expect(try await client.status().headRef <= 1)
            await rpc.close()
        }
    }

    @Test("Consume streams from the cursor on, takes acknowledgements, and goes on after the last")
    func consume() async throws {
        try await withServedStore { served, client in
            let rpc = try served.rpc()
            for number in 1...4 { try await client.set("k", Value("\(number)")) }
            for (first, acknowledged) in [(Int64(1), Int64(2)), (3, 4)] {
                let (requests, responses) = try rpc.bidirectional(
                    "cairn.v1.Consumers/Consume", sending: Cairn_V1_ConsumeRequest.self,
                    as: Cairn_V1_WatchResponse.self)
                try await requests.write(.with { $0.name = "worker" })
                var refs: [Int64] = []
                var updates = responses.makeAsyncIterator()
                while refs.last != 4, let response = try await updates.next() { refs += response.events.map(\.ref) }
                #expect(refs == Array(first...4))
                try await requests.write(.with { $0.acknowledgeRef = acknowledged })
                requests.finish()
                while try await updates.next() != nil {}
                #expect(try await client.consumer("worker")?.cursor == Ref(acknowledged))
            }
            await rpc.close()
        }
    }

    @Test("kinds that nobody knows are refused, and by Consume reads, too, which are not in the log")
    func kinds() async throws {
        try await withServedStore { served, _ in
            let rpc = try served.rpc()
            func refusal<Response>(_ responses: RPCResponseStream<Response>) async -> StoreError.Code? {
                do {
                    for try await _ in responses {}
                    return nil
                } catch let error as RPCError {
                    return StoreError(error).code
                } catch {
                    return nil
                }
            }
            let watch: RPCResponseStream<Cairn_V1_WatchResponse> = try rpc.serverStreaming(
                "cairn.v1.Log/Watch", Cairn_V1_WatchRequest.with { $0.kinds = [.UNRECOGNIZED(17)] })
            #expect(await refusal(watch) == .invalidArgument)
            let (requests, consume) = try rpc.bidirectional(
                "cairn.v1.Consumers/Consume", sending: Cairn_V1_ConsumeRequest.self, as: Cairn_V1_WatchResponse.self)
            try await requests.write(
                .with {
                    $0.name = "worker"
                    $0.kinds = [.accessed]
                })
            #expect(await refusal(consume) == .invalidArgument)
            await rpc.close()
        }
    }

    @Test("KeepAliveStream answers each request, and ends at a lease that is gone")
    func keepAlive() async throws {
        try await withServedStore { served, client in
            let rpc = try served.rpc()
            let lease = try await client.grantLease(duration: .seconds(10))
            let (requests, responses) = try rpc.bidirectional(
                "cairn.v1.Leases/KeepAliveStream", sending: Cairn_V1_KeepAliveRequest.self,
                as: Cairn_V1_LeaseResponse.self)
            var answers = responses.makeAsyncIterator()
            for _ in 0..<3 {
                served.clock.advance(by: .seconds(9))
                try await requests.write(.with { $0.id = lease.id.rawValue })
                #expect(try await answers.next()?.lease.timeLeftUs ?? 0 >= 0)
            }
            #expect(try await client.lease(lease.id, withKeys: false) != nil, "27 seconds later it lives")
            try await requests.write(.with { $0.id = 99 })
            do {
                _ = try await answers.next()
                Issue.record("there is no lease 99")
            } catch {
                #expect((error as? RPCError)?.code == .notFound)
            }
            await rpc.close()
        }
    }

    @Test("a backup comes in pieces that make one file, and nothing is left behind")
    func backup() async throws {
        try await withServedStore(.sqlite) { served, client in
            let rpc = try served.rpc()
            for number in 0..<4 {
                try await client.set(Key("k\(number)"), Value(bytes: [UInt8](repeating: 7, count: 1 << 18)))
            }
            let stream: RPCResponseStream<Cairn_V1_BackupResponse> = try rpc.serverStreaming(
                "cairn.v1.Maintenance/Backup", Cairn_V1_BackupRequest())
            var pieces: [Cairn_V1_BackupResponse] = []
            for try await piece in stream { pieces.append(piece) }
            #expect(pieces.count > 1)
            let bytes = pieces.reduce(into: Data()) { $0 += $1.data }
            #expect(bytes.count == Int(pieces[0].totalBytes))
            #expect(bytes.starts(with: Data("SQLite format 3\0".utf8)))
            await rpc.close()
        }
    }
}
