import CairnClient
import CairnModel
import CairnTestServers
import CairnTestSupport
import CairnTestWaits
import Testing

/// Replicas that die and come back while clients work through the others.
@Suite(
    "Replicas: kill -9", .enabled(if: DatabaseKind.areAvailable, DatabaseKind.reason), .serialized,
    .timeLimit(.minutes(10)))
struct ReplicaCrashTests {
    @Test("one order explains every answer", arguments: DatabaseKind.allCases)
    func linearizable(_ kind: DatabaseKind) async throws {
        let seed = RandomRun.seed
        let database = try await kind.freshDatabase()
        try await Replicas.with(2, on: database.url) { replicas in
            var clients: [CairnClient] = []
            for number in 0..<6 { clients.append(try replicas.client(number)) }
            var load = RegisterClients(seed: seed)
            load.clients = 6
            load.usesRequestIDs = true
            let watched = clients[0]
            async let crashes: Void = {
                // Each time the log has grown by forty events one of them dies.
                for round in 1...4 {
                    try await eventually("the log has grown to \(round * 40) events") {
                        try await watched.status().headRef >= Ref(Int64(round * 40))
                    }
                    try await replicas.crash(round % 2)
                }
            }()
            let calls = try await load.run(on: clients)
            #expect(keyWithoutLinearization(calls) == nil, "CAIRN_SEED=\(seed)")
            // The load may have ended before the last crash was due.
            for _ in 0..<160 { try await watched.set("more", "1", requestID: .random()) }
            try await crashes
            for client in clients { await client.close() }
        }
    }

    @Test(
        "no acknowledged write is lost or done twice, and every replica has the same log",
        arguments: DatabaseKind.allCases)
    func oneLog(_ kind: DatabaseKind) async throws {
        let seed = RandomRun.seed
        let database = try await kind.freshDatabase()
        try await Replicas.with(3, on: database.url) { replicas in
            try await SharedLoad(on: replicas, seed: seed).run { ledger in
                var random = SeededGenerator(seed: seed)
                for round in 1...8 {
                    try await ledger.waitForAcknowledged(round * 40)
                    try await replicas.crash(random.below(3))
                }
            }
        }
    }
}
