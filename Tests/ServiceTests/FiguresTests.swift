import CairnClient
import CairnKeyspace
import CairnModel
import CairnTestSupport
import Testing

/// The figures that a server tells of keys, locks, leases, pruning and clients.
@Suite("Figures of what a store holds", .timeLimit(.minutes(10)))
struct FiguresTests {
    /// Waits until so many keys have been pruned.
    private func waitForPruned(_ count: Int, _ client: CairnClient) async throws {
        var pruned = 0
        for try await update in try await client.watch(WatchRequest(range: .all, start: .ref(0), kinds: [.pruned])) {
            if case .events(let events) = update { pruned += events.count }
            if pruned >= count { return }
        }
    }

    /// Asks the server until it has pruned so often for an occasion.
    private func waitForRuns(_ count: Int64, _ occasion: String, _ client: CairnClient) async throws {
        let limit = ContinuousClock.now + .seconds(60)
        while try await client.serverStats().pruneRuns[occasion] ?? 0 < count {
            guard ContinuousClock.now < limit else { throw StoreError(.internal, "it never pruned so often") }
        }
    }

    @Test("pruning at intervals: the keys there may be, what is left, and how often it was pruned")
    func interval() async throws {
        try await withServedStore(store: { options in
            options.limits.keys = 50
            (options.pruning.at, options.pruning.to, options.pruning.interval) = (45, 40, .seconds(1_000))
        }) { served, client in
            let start = served.clock.now()
            for number in 1...46 {
                let record = try await client.set(Key("k/\(number)"), "1", if: .absent)
                #expect(record.version == 1)
            }
            var stats = try await client.serverStats()
            #expect(stats.keys == 46 && stats.maxKeys == 50 && stats.pruneRuns.isEmpty)
            try await served.clock.waitForSleeper(until: start + .seconds(1_000))
            served.clock.advance(by: .seconds(1_000))
            // When the pruner sleeps again, it is done.
            try await served.clock.waitForSleeper(until: start + .seconds(2_000))
            stats = try await client.serverStats()
            #expect(stats.keys == 40 && stats.pruneRuns == ["interval": 1] && stats.events["pruned"] == 6)
            served.clock.advance(by: .seconds(1_000))
            try await served.clock.waitForSleeper(until: start + .seconds(3_000))
            #expect(try await client.serverStats().pruneRuns == ["interval": 1], "40 are not enough to prune")
        }
    }

    @Test("locked keys fill the store up to its limit, however often it tries to prune them")
    func locked() async throws {
        try await withServedStore(store: { options in
            options.limits.keys = 50
            (options.pruning.eagerAt, options.pruning.eagerTo) = (25, 22)
        }) { _, client in
            for number in 1...68 {
                do throws(StoreError) {
                    try await client.lock(
                        Key("k/\(number)"), for: .seconds(600), createIfMissing: true, clientID: "ann")
                    #expect(number <= 50)
                } catch {
                    #expect(number > 50 && error.code == .maxKeys)
                }
                #expect(try await client.serverStats().keys == Int64(min(number, 50)))
            }
            try await waitForRuns(1, "growth", client)
            let stats = try await client.serverStats()
            #expect(stats.keys == 50 && stats.locks == 50 && stats.events["pruned"] == nil)
            #expect(stats.pruneRuns["limit"] == 18)
        }
    }

    @Test("pruning as the store grows: never more keys than it starts at, and as often as it was reached")
    func growth() async throws {
        try await withServedStore(store: { options in
            options.limits.keys = 50
            (options.pruning.eagerAt, options.pruning.eagerTo) = (25, 22)
        }) { served, client in
            var pruned = 0
            for number in 1...33 {
                served.clock.advance(by: .seconds(1))
                try await client.set(Key("k/\(number)"), "1")
                if number - pruned == 25 {
                    pruned += 3
                    try await waitForPruned(pruned, client)
                }
                #expect(try await client.serverStats().keys == Int64(number - pruned))
            }
            try await waitForRuns(3, "growth", client)
            let stats = try await client.serverStats()
            #expect(stats.pruneRuns == ["growth": 3] && stats.events["pruned"] == 9 && stats.keys == 24)
        }
    }

    @Test("keys, locks, leases and clients are as many as there are, also after a clear, with force and without")
    func held() async throws {
        try await withServedStore { _, client in
            func held() async throws -> [Int64?] {
                let stats = try await client.serverStats()
                return [stats.keys, stats.locks, stats.leases]
            }
            #expect(try await held() == [0, 0, 0])
            for key: Key in ["a", "b", "c"] { try await client.set(key, "1", clientID: "ann") }
            try await client.set("d", "1", expiry: .lifespan(.seconds(60)), clientID: "bob")
            try await client.lock("b", for: .seconds(60), clientID: "ann")
            try await client.lock("d", for: .seconds(60), mode: .write, clientID: "bob")
            #expect(try await held() == [4, 2, 1])
            #expect(try await client.serverStats().clients == 2)
            #expect(try await client.clear(.all, clientID: "ann").count == 2)
            #expect(try await held() == [2, 2, 1])
            #expect(try await client.clear(.all, force: true, clientID: "carl").count == 2)
            #expect(try await held() == [0, 0, 0])
            try await client.lock("b", for: .seconds(60), createIfMissing: true, clientID: "bob")
            try await client.unlock("b", clientID: "bob")
            try await client.unlock("b", clientID: "bob")
            #expect(try await held() == [1, 0, 0])
            #expect(try await client.serverStats().maxKeys == nil)
        }
        try await withServedStore(.sqlite) { _, client in
            let stats = try await client.serverStats()
            #expect(stats.keys == nil && stats.locks == nil && stats.leases == nil)
        }
    }
}
