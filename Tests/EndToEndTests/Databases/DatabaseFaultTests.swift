import CairnClient
import CairnModel
import CairnTestServers
import CairnTestSupport
import Testing

/// Databases that die, fail over, and lose connections, under load from two replicas.
@Suite(
    "Databases: faults", .enabled(if: DatabaseKind.areAvailable, DatabaseKind.reason), .serialized,
    .timeLimit(.minutes(10)))
struct DatabaseFaultTests {
    @Test("a database that is killed and starts again costs nobody anything but time", arguments: DatabaseKind.allCases)
    func killed(_ kind: DatabaseKind) async throws {
        try await kind.withServer { server in
            let database = try await server.freshDatabase()
            try await Replicas.with(2, on: database.url) { replicas in
                try await SharedLoad(on: replicas, seed: RandomRun.seed).run { ledger in
                    for round in 1...4 {
                        try await ledger.waitForAcknowledged(round * 80)
                        try await server.kill()
                        try await server.start()
                    }
                }
            }
        }
    }

    @Test("connections cut in the middle of a commit, hundreds of times", arguments: DatabaseKind.allCases)
    func cutCommits(_ kind: DatabaseKind) async throws {
        let seed = RandomRun.seed
        let database = try await kind.freshDatabase()
        let proxy = try CuttingProxy(to: database.server.port, seed: seed)
        defer { proxy.close() }
        let url = database.url.replacing(":\(database.server.port)", with: ":\(proxy.port)")
        try await Replicas.with(2, on: url) { replicas in
            var load = SharedLoad(on: replicas, seed: seed)
            load.transactionsPerWriter = 250
            try await load.run { ledger in
                proxy.cut(when: "COMMIT", oneIn: 2, atMost: 300)
                while proxy.counts.cuts.values.reduce(0, +) < 300, ledger.acknowledgedCount < 1_200 {
                    try await ledger.waitForAcknowledged(ledger.acknowledgedCount + 20)
                }
                proxy.resume()
            }
            let cuts = proxy.counts.cuts
            print("cut commits on \(kind): \(cuts), CAIRN_SEED=\(seed)")
            #expect(cuts.values.reduce(0, +) >= 100)
        }
    }

    @Test("a synchronous standby that is promoted has all that was acknowledged")
    func promotion() async throws {
        try await PostgresServer.with { primary in
            let standby = try await primary.standby(isSynchronous: true)
            let database = try await primary.freshDatabase()
            let url = database.url.replacing(
                "127.0.0.1:\(primary.port)", with: "127.0.0.1:\(primary.port),127.0.0.1:\(standby.port)")
            try await Replicas.with(2, on: url) { replicas in
                try await SharedLoad(on: replicas, seed: RandomRun.seed).run { ledger in
                    try await ledger.waitForAcknowledged(150)
                    try await primary.kill()
                    try await standby.promote()
                }
            }
            try await standby.remove()
        }
    }

    @Test("an asynchronous standby that is promoted has lost something, and the streams say so")
    func loss() async throws {
        try await PostgresServer.with { primary in
            let standby = try await primary.standby()
            let database = try await primary.freshDatabase()
            let url = database.url.replacing(
                "127.0.0.1:\(primary.port)", with: "127.0.0.1:\(primary.port),127.0.0.1:\(standby.port)")
            try await Replicas.with(2, on: url) { replicas in
                let client = try replicas.client(only: 0)
                let other = try replicas.client(only: 1)
                for number in 1...10 { try await client.set("key", Value("\(number)")) }
                try await primary.waitUntilFollowed(by: standby)
                let streams = [
                    try await client.watch(WatchRequest(range: .all)), try await other.watch(WatchRequest(range: .all)),
                ]
                // From here on the standby hears nothing.
                try await standby.stop()
                for number in 11...20 { try await client.set("key", Value("\(number)")) }
                try await primary.kill()
                try await standby.start()
                try await standby.promote()
                #expect(try await other.set("key", "after").updatedRef < 20)
                for stream in streams {
                    let error = await #expect(throws: StoreError.self) { for try await _ in stream {} }
                    #expect(error?.code == .logWentBack, "\(String(describing: error))")
                }
                // Somebody who was not there meanwhile, and comes back by his last event.
                let mark = EventMark(ref: 12, time: Timestamp(microseconds: 1))
                let late = await #expect(throws: StoreError.self) {
                    try await other.watch(WatchRequest(range: .all, start: .ref(13), seen: mark))
                }
                #expect(late?.code == .logWentBack)
                #expect(replicas.server(0).process.errors.text.contains("asynchronous"), "it was said at the start")
                await client.close()
                await other.close()
            }
            try await standby.remove()
        }
    }
}
