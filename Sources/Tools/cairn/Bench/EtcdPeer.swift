import CairnProtocol
import CairnRPC
import Foundation
import SwiftProtobuf

/// Calls an etcd server, through its API v3.
struct EtcdPeer: BenchPeer {
    let client: RPCClient

    func close() async { await client.close() }

    func put(_ key: Data, _ value: Data) async throws {
        let request = Etcdserverpb_PutRequest.with {
            $0.key = key
            $0.value = value
        }
        let _: Etcdserverpb_PutResponse = try await client.unary("etcdserverpb.KV/Put", request)
    }

    func put(_ pairs: [(key: Data, value: Data)]) async throws {
        let request = Etcdserverpb_TxnRequest.with {
            $0.success = pairs.map { pair in
                .with {
                    $0.requestPut.key = pair.key
                    $0.requestPut.value = pair.value
                }
            }
        }
        let _: Etcdserverpb_TxnResponse = try await client.unary("etcdserverpb.KV/Txn", request)
    }

    func get(_ key: Data) async throws -> Int? {
        let request = Etcdserverpb_RangeRequest.with { $0.key = key }
        let response: Etcdserverpb_RangeResponse = try await client.unary("etcdserverpb.KV/Range", request)
        return response.kvs.first?.value.count
    }

    func list(from: Data, to: Data, limit: Int) async throws -> Int {
        let request = Etcdserverpb_RangeRequest.with {
            $0.key = from
            $0.rangeEnd = to
            $0.limit = Int64(limit)
        }
        let response: Etcdserverpb_RangeResponse = try await client.unary("etcdserverpb.KV/Range", request)
        return response.kvs.count
    }

    func watch(
        from: Data, to: Data, opened: @Sendable () -> Void, deliver: @Sendable (Data) -> Void
    ) async throws {
        let (requests, responses) = try client.bidirectional(
            "etcdserverpb.Watch/Watch", sending: Etcdserverpb_WatchRequest.self, as: Etcdserverpb_WatchResponse.self)
        try await requests.write(
            .with {
                $0.createRequest.key = from
                $0.createRequest.rangeEnd = to
            })
        for try await response in responses {
            if response.created { opened() }
            for event in response.events where event.type == .put { deliver(event.kv.value) }
        }
    }

    /// Has etcd let go of the buffer of its last writes.
    ///
    /// Each read of etcd 3.4 copies that buffer at the size it once grew to, which after a load costs more than the
    /// rest of the read ten times over. It is let go of at a commit (one each 100 ms, if there is anything to commit)
    /// that follows one without a change of a key; granting a lease makes such commits.
    func settle() async throws {
        for _ in 0..<4 {
            try await Task.sleep(for: .milliseconds(150))
            let _: Etcdserverpb_LeaseGrantResponse = try await client.unary(
                "etcdserverpb.Lease/LeaseGrant", Etcdserverpb_LeaseGrantRequest.with { $0.ttl = 60 })
        }
        try await Task.sleep(for: .milliseconds(150))
    }

    func delete(from: Data, to: Data) async throws {
        let request = Etcdserverpb_DeleteRangeRequest.with {
            $0.key = from
            $0.rangeEnd = to
        }
        let _: Etcdserverpb_DeleteRangeResponse = try await client.unary("etcdserverpb.KV/DeleteRange", request)
    }
}
