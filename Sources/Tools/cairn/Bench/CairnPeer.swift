import CairnProtocol
import CairnRPC
import Foundation
import SwiftProtobuf

/// Calls a Cairn server.
struct CairnPeer: BenchPeer {
    let client: RPCClient
    /// With the token of CAIRN_TOKEN, if there is one.
    private let options = RPCCallOptions(
        metadata: ClientToken.ofEnvironment.map { ["authorization": "Bearer \($0)"] } ?? [:])

    func close() async { await client.close() }

    func put(_ key: Data, _ value: Data) async throws {
        let request = Cairn_V1_SetRequest.with {
            $0.key = key
            $0.value = value
        }
        let _: Cairn_V1_SetResponse = try await client.unary("cairn.v1.KeyValue/Set", request, options: options)
    }

    func put(_ pairs: [(key: Data, value: Data)]) async throws {
        let request = Cairn_V1_CommitRequest.with {
            $0.operations = pairs.map { pair in
                .with {
                    $0.set.key = pair.key
                    $0.set.value = pair.value
                }
            }
        }
        let _: Cairn_V1_CommitResponse = try await client.unary("cairn.v1.KeyValue/Commit", request, options: options)
    }

    func get(_ key: Data) async throws -> Int? {
        do {
            let request = Cairn_V1_GetRequest.with { $0.key = key }
            let response: Cairn_V1_GetResponse = try await client.unary(
                "cairn.v1.KeyValue/Get", request, options: options)
            return response.record.value.count
        } catch let error as RPCError where error.code == .notFound {
            return nil
        }
    }

    func list(from: Data, to: Data, limit: Int) async throws -> Int {
        let request = Cairn_V1_ListRequest.with {
            $0.range.from = from
            $0.range.to = to
            $0.limit = Int32(limit)
        }
        let response: Cairn_V1_ListResponse = try await client.unary(
            "cairn.v1.KeyValue/List", request, options: options)
        return response.entries.count
    }

    func watch(
        from: Data, to: Data, opened: @Sendable () -> Void, deliver: @Sendable (Data) -> Void
    ) async throws {
        let request = Cairn_V1_WatchRequest.with {
            $0.ranges = [
                .with {
                    $0.from = from
                    $0.to = to
                }
            ]
        }
        let responses = try client.serverStreaming(
            "cairn.v1.Log/Watch", request, options: options, as: Cairn_V1_WatchResponse.self)
        for try await response in responses {
            if response.hasOpenedAtRef { opened() }
            for event in response.events { deliver(event.value) }
        }
    }

    func delete(from: Data, to: Data) async throws {
        // A piece at a time: what a transaction may delete is limited.
        while true {
            let list = Cairn_V1_ListRequest.with {
                $0.range.from = from
                $0.range.to = to
                $0.keysOnly = true
            }
            let page: Cairn_V1_ListResponse = try await client.unary("cairn.v1.KeyValue/List", list, options: options)
            let request = Cairn_V1_CommitRequest.with {
                $0.operations = [
                    .with {
                        $0.deleteRange.from = from
                        $0.deleteRange.to = page.nextPage.isEmpty ? to : page.entries.last?.record.key ?? to
                    }
                ]
            }
            let _: Cairn_V1_CommitResponse = try await client.unary(
                "cairn.v1.KeyValue/Commit", request, options: options)
            if page.nextPage.isEmpty { return }
        }
    }
}
