import CairnKeyspace
import CairnModel
import CairnSQL
import CairnTestServers
import CairnTestSupport
import Testing

@testable import CairnMySQL

@Suite("MySQL: stores that share a database", .needsMariaDB)
struct StoreTests {
    private func store(_ url: String) async throws -> Keyspace {
        let options = ServerOptions()
        let home = try MySQLHome(url, options: options)
        return try await Keyspace.open(options: KeyspaceOptions()) { () throws(StoreError) in
            try ServerEngine(home, options: options)
        }
    }

    @Test("a watch on one hears at once what the other writes, in order and once", .timeLimit(.minutes(2)))
    func watching() async throws {
        let url = try await FreshStore.database().url
        let (first, second) = (try await store(url), try await store(url))
        let watch = try await second.watch(WatchRequest(range: .all, start: .ref(1)))
        async let heard = {
            var refs: [Ref] = []
            for try await item in watch {
                if case .events(let events) = item { refs += events.map(\.ref) }
                if refs.count >= 100 { break }
            }
            return refs
        }()
        for number in 0..<100 { _ = try await (number % 3 == 0 ? second : first).set(Key("k\(number)"), "v") }
        #expect(try await heard == (1...100).map { Ref($0) })
        await first.close()
        await second.close()
    }

    @Test("connections that break at any moment of a commit lose nothing and repeat nothing", .timeLimit(.minutes(2)))
    func brokenConnections() async throws {
        let database = try await FreshStore.database()
        let seed = RandomRun.seed
        let proxy = try CuttingProxy(to: try await SharedServer.mariaDB().port, seed: seed)
        defer { proxy.close() }
        let store = try await store("mysql://root@127.0.0.1:\(proxy.port)/\(database.name)")
        proxy.cut(when: "COMMIT", oneIn: 4)
        var rounds = 0
        // Until each kind of cut has happened, however few commits there are.
        while rounds < 20, proxy.counts.cuts.count < CutPoint.allCases.count {
            let round = rounds
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<3 {
                    group.addTask {
                        for number in 0..<40 { _ = try await store.set(Key("\(round)/\(writer)/\(number)"), "v") }
                    }
                }
                try await group.waitForAll()
            }
            rounds += 1
        }
        let written = 120 * rounds
        proxy.resume()
        #expect(proxy.counts.cuts.count == CutPoint.allCases.count, "seed \(seed)")
        let direct = try MySQLHome(database.url).open(.reading)
        let (head, records) = try direct.withSnapshot { (view) throws(StoreError) in
            (try view.head(), try view.records(in: .all, limit: .max, bytes: .max, keysOnly: true))
        }
        #expect(head.lastRef == Ref(Int64(written)), "seed \(seed)")
        #expect(records.count == written && records.allSatisfy { $0.version == 1 }, "seed \(seed)")
        direct.close()
        await store.close()
    }

    @Test("a lease expires once, by the database's clock, whoever made it", .timeLimit(.minutes(2)))
    func expiry() async throws {
        let url = try await FreshStore.database().url
        let (first, second) = (try await store(url), try await store(url))
        let lease = LeaseID.firstChosen
        _ = try await second.commit(
            Transaction(then: [.grantLease(id: lease, duration: .milliseconds(200)), .set("a", "1", lease: lease)]))
        let watch = try await first.watch(WatchRequest(range: .all, start: .ref(1)))
        var kinds: [Event.Kind] = []
        for try await item in watch {
            if case .events(let events) = item { kinds += events.map(\.kind) }
            if kinds.count == 2 { break }
        }
        #expect(kinds == [.created, .expired])
        #expect(try await second.get("a") == nil)
        await second.close()
        await first.close()
    }
}
