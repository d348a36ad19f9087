import CairnClient
import CairnModel
import CairnProtocol
import CairnRPC
import CairnSecurity
import CairnTestSupport
import Foundation
import SwiftProtobuf
import Testing

@testable import CairnKeyspace
@testable import CairnServer

/// What each method of the server does while writes are refused.
@Suite("Read-only, method by method", .timeLimit(.minutes(10)))
struct ReadOnlyTests {
    private enum Conduct {
        /// It writes, and so it is refused.
        case writes([any Message])
        /// It goes on; or fails for another reason, which is named.
        case goesOn(any Message, failing: StoreError.Code? = nil)
    }

    private static let lease = LeaseID.firstChosen.rawValue

    private static let keyValue: [String: Conduct] = [
        "Get": .goesOn(Cairn_V1_GetRequest.with { $0.key = Data("a".utf8) }),
        "List": .goesOn(Cairn_V1_ListRequest()),
        "GetRevision": .goesOn(
            Cairn_V1_GetRevisionRequest.with {
                $0.key = Data("a".utf8)
                $0.version = 1
            }),
        "GetHistory": .goesOn(Cairn_V1_GetHistoryRequest.with { $0.key = Data("a".utf8) }),
        "Set": .writes([Cairn_V1_SetRequest.with { $0.key = Data("new".utf8) }]),
        "Delete": .writes([Cairn_V1_DeleteRequest.with { $0.key = Data("gone".utf8) }]),
        "Commit": .writes([
            Cairn_V1_CommitRequest.with { $0.operations = [.with { $0.set = .with { $0.key = Data("b".utf8) } }] }
        ]),
        "Import": .writes([Cairn_V1_ImportRequest.with { $0.set.key = Data("imported".utf8) }]),
    ]

    private static let leases: [String: Conduct] = [
        "Grant": .writes([Cairn_V1_GrantLeaseRequest.with { $0.durationUs = 1_000_000 }]),
        "Show": .goesOn(Cairn_V1_ShowLeaseRequest.with { $0.id = lease }),
        "List": .goesOn(Cairn_V1_ListLeasesRequest()),
        "KeepAlive": .writes([Cairn_V1_KeepAliveRequest.with { $0.id = lease }]),
        "KeepAliveStream": .writes([Cairn_V1_KeepAliveRequest.with { $0.id = lease }]),
        "Expire": .writes([Cairn_V1_ExpireLeaseRequest.with { $0.id = lease + 1 }]),
    ]

    private static let locks: [String: Conduct] = [
        "Lock": .writes([
            Cairn_V1_LockRequest.with {
                $0.key = Data("a".utf8)
                $0.durationUs = 1_000_000
                $0.clientID = "bob"
            }
        ]),
        "Unlock": .writes([
            Cairn_V1_UnlockRequest.with {
                $0.key = Data("locked".utf8)
                $0.clientID = "ann"
            }
        ]),
        "Show": .goesOn(Cairn_V1_ShowLockRequest.with { $0.key = Data("locked".utf8) }),
        "List": .goesOn(Cairn_V1_ListLocksRequest()),
    ]

    private static let consumers: [String: Conduct] = [
        "Get": .goesOn(Cairn_V1_GetConsumerRequest.with { $0.name = "c" }),
        "List": .goesOn(Cairn_V1_ListConsumersRequest()),
        "Acknowledge": .writes([
            Cairn_V1_AcknowledgeRequest.with {
                $0.name = "c"
                $0.ref = 2
            }
        ]),
        "Reset": .writes([Cairn_V1_ResetConsumerRequest.with { $0.name = "c" }]),
        "Delete": .writes([Cairn_V1_DeleteConsumerRequest.with { $0.name = "d" }]),
        // To be told events is no write; to acknowledge them is.
        "Consume": .writes([
            Cairn_V1_ConsumeRequest.with { $0.name = "e" }, Cairn_V1_ConsumeRequest.with { $0.acknowledgeRef = 1 },
        ]),
    ]

    private static let others: [String: Conduct] = [
        "cairn.v1.Log/Watch": .goesOn(Cairn_V1_WatchRequest.with { $0.untilHead = true }),
        "cairn.v1.Log/Compact": .writes([Cairn_V1_CompactRequest.with { $0.beforeRef = 2 }]),
        "cairn.v1.Maintenance/Status": .goesOn(Cairn_V1_StatusRequest()),
        "cairn.v1.Maintenance/Backup": .goesOn(Cairn_V1_BackupRequest()),
        // This server has none; where there are, they are made of a read-only store as of any other.
        "cairn.v1.Snapshots/Create": .goesOn(Cairn_V1_CreateSnapshotRequest(), failing: .unsupported),
        "cairn.v1.Snapshots/List": .goesOn(Cairn_V1_ListSnapshotsRequest(), failing: .unsupported),
        "cairn.v1.Admin/Stats": .goesOn(Cairn_V1_StatsRequest()),
        "cairn.v1.Admin/SetReadOnly": .goesOn(
            Cairn_V1_SetReadOnlyRequest.with {
                $0.readOnly = true
                $0.clientID = "ann"
            }),
        "cairn.v1.Admin/Shutdown": .goesOn(Cairn_V1_ShutdownRequest.with { $0.clientID = "ann" }),
        // Pruning is upkeep, as expiry is.
        "cairn.v1.Admin/Prune": .goesOn(
            Cairn_V1_PruneRequest.with {
                $0.pruneTo = 100
                $0.clientID = "ann"
            }),
        "cairn.v1.Admin/ListClients": .goesOn(Cairn_V1_ListClientsRequest()),
        "cairn.v1.Inspection/Inspect": .goesOn(Cairn_V1_InspectRequest.with { $0.key = Data("a".utf8) }),
        "cairn.v1.Inspection/GetKeyMetrics": .goesOn(Cairn_V1_GetKeyMetricsRequest.with { $0.key = Data("a".utf8) }),
        "cairn.v1.Inspection/ListHottestKeys": .goesOn(Cairn_V1_ListHottestKeysRequest()),
        "grpc.health.v1.Health/Check": .goesOn(Grpc_Health_V1_HealthCheckRequest()),
        "grpc.health.v1.Health/Watch": .goesOn(Grpc_Health_V1_HealthCheckRequest()),
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": .goesOn(
            Grpc_Reflection_V1_ServerReflectionRequest.with { $0.listServices = "" }),
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": .goesOn(
            Grpc_Reflection_V1_ServerReflectionRequest.with { $0.listServices = "" }),
    ]

    private static func conduct(of method: String) -> Conduct? {
        let parts = method.split(separator: "/").map(String.init)
        return switch parts[0] {
        case "cairn.v1.KeyValue": keyValue[parts[1]]
        case "cairn.v1.Leases": leases[parts[1]]
        case "cairn.v1.Locks": locks[parts[1]]
        case "cairn.v1.Consumers": consumers[parts[1]]
        default: others[method]
        }
    }

    /// Something for each of the writes to change.
    private func prepare(_ store: Keyspace) async throws {
        try await store.set("a", "1")
        try await store.set("gone", "1")
        try await store.lock("locked", for: .seconds(600), createIfMissing: true, clientID: "ann")
        for number in 0..<2 {
            _ = try await store.grantLease(id: LeaseID(Self.lease + Int64(number)), duration: .seconds(600))
        }
        for name in ["c", "d"] { try await store.acknowledge(name, through: 1) }
    }

    /// All that a write could have changed.
    private func image(_ store: Keyspace) throws -> StoreImage {
        try EngineDriver(store.engine).image()
    }

    @Test("every method that writes is refused and changes nothing, every other goes on; a new one must be told here")
    func everyMethod() async throws {
        try await withServedStore(
            .sqlite, access: AccessControl(adminClientIDs: ["ann"]), store: { $0.keyMetrics = 100 },
            server: { ($0.pruner, $0.keyMetrics) = ($1, $1) }
        ) { served, _ in
            try await prepare(served.store)
            let rpc = try served.rpc()
            let before = try image(served.store)
            served.server.isReadOnly = true
            var writes: [MethodCall] = []
            var others: [(call: MethodCall, code: StoreError.Code?)] = []
            for method in MethodRule.table.keys.sorted() {
                let conduct = try #require(Self.conduct(of: method), "what does \(method) while writes are refused?")
                switch conduct {
                case .writes(let requests): writes.append(try MethodCall(method, requests))
                case .goesOn(let request, let code): others.append((try MethodCall(method, [request]), code))
                }
            }
            for call in writes {
                let error = try await call.refusal(on: rpc, untilEnd: true)
                #expect(error?.code == .readOnly && error?.retry == .never, "\(call.method)")
            }
            #expect(try image(served.store) == before)
            for (call, code) in others {
                let error = try await call.refusal(on: rpc, untilEnd: false)
                #expect(error?.code == code, "\(call.method)")
            }
            // That they were refused was not the requests' fault.
            served.server.isReadOnly = false
            for call in writes {
                let error = try await call.refusal(on: rpc, untilEnd: true)
                #expect(error == nil, "\(call.method): \(String(describing: error))")
            }
            await rpc.close()
        }
    }
}
