import CairnClient
import CairnModel
import CairnTestSupport
import Testing

/// Concurrent clients of the real server: one order explains every answer, and streams tell all of it.
@Suite("Linearizability through gRPC")
struct LinearizabilityTests {
    @Test("concurrent clients see one order", arguments: ["memory:", "sqlite:cairn.db"])
    func oneOrder(_ store: String) async throws {
        let seed = RandomRun.seed
        try await withTemporaryDirectory { directory in
            let url = store.replacing("sqlite:", with: "sqlite:\(directory)/")
            for round in 0..<5 {
                try await withServer(store: url.replacing(".db", with: "\(round).db")) { server in
                    try await check(server, seed: seed &+ UInt64(round))
                }
            }
        }
    }

    private func check(_ server: ServerProcess, seed: UInt64) async throws {
        var clients: [CairnClient] = []
        for _ in 0..<6 { clients.append(try server.client()) }
        // A stream that runs beside the writers, and one that reads everything afterwards, must tell the same.
        let request = WatchRequest(range: .all, start: .ref(.zero))
        var live = try await clients[0].watch(request).makeAsyncIterator()
        var load = RegisterClients(seed: seed)
        load.clients = 6
        let calls = try await load.run(on: clients)
        #expect(keyWithoutLinearization(calls) == nil, "CAIRN_SEED=\(seed)")
        let head = try await clients[1].status().headRef
        var checker = StreamChecker(request)
        while checker.position < head, let update = try await live.next() { checker.take(update) }
        var replay = LogReplay()
        for try await update in try await clients[2].watch(WatchRequest(range: .all, start: .ref(1), untilHead: true)) {
            if case .events(let events) = update { for event in events { replay.take(event) } }
        }
        #expect(replay.problems.isEmpty && replay.head == head, "CAIRN_SEED=\(seed): \(replay.problems)")
        let problem = checker.finish(log: checker.events, wholeTransactions: true)
        #expect(problem == nil && checker.events.count == Int(head.rawValue), "CAIRN_SEED=\(seed)")
        for client in clients { await client.close() }
    }
}
