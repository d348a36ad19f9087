import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSQL
import CairnTestServers
import CairnTestSupport
import Testing

@testable import CairnMySQL

/// A cluster in which every node takes writes, and locks are a node's own.
@Suite(
    "MySQL: Galera", .serialized,
    .enabled(if: GaleraCluster.unavailableReason == nil, "\(GaleraCluster.unavailableReason ?? "")"))
struct GaleraTests {
    private func store(_ url: String) async throws -> Keyspace {
        let home = try MySQLHome(url)
        return try await Keyspace.open(options: KeyspaceOptions()) { () throws(StoreError) in
            try ServerEngine(home, options: ServerOptions())
        }
    }

    @Test("stores on all nodes write at once, and each sees what any has acknowledged", .timeLimit(.minutes(5)))
    func allNodes() async throws {
        try await GaleraCluster.with { cluster in
            let database = try await cluster.nodes[0].freshDatabase().name
            // All of them make the tables.
            let stores = try await withThrowingTaskGroup(of: (Int, Keyspace).self) { group in
                for (number, node) in cluster.nodes.enumerated() {
                    group.addTask { (number, try await self.store(node.url(database: database))) }
                }
                var stores: [Int: Keyspace] = [:]
                for try await (number, store) in group { stores[number] = store }
                return stores
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, store) in stores {
                    let next = try #require(stores[(number + 1) % 3])
                    group.addTask {
                        for count in 0..<60 {
                            let key = Key("\(number)/\(count)")
                            let record = try await store.set(key, "v")
                            let seen = try await next.get(key)
                            #expect(seen?.updatedRef == record.updatedRef)
                        }
                    }
                }
                try await group.waitForAll()
            }
            for node in cluster.nodes {
                let home = try MySQLHome(node.url(database: database))
                let session = try home.open(.reading)
                try session.withSnapshot { (view) throws(StoreError) in
                    let events = try view.events(from: 1, limit: .max, bytes: .max)
                    #expect(events.map(\.ref) == (1...180).map { Ref($0) })
                    #expect(events.allSatisfy { $0.version == 1 })
                }
                session.close()
            }
            for store in stores.values { await store.close() }
        }
    }

    @Test("random histories leave a node's tables as they leave the reference in memory", .timeLimit(.minutes(5)))
    func histories() async throws {
        try await GaleraCluster.with { cluster in
            let database = try await cluster.nodes[1].freshDatabase()
            let engine = try ServerEngine(
                MySQLHome(database.url, options: FreshStore.drivenTime), options: FreshStore.drivenTime)
            defer { engine.close() }
            if let difference = try compare(engine, MemoryEngine(), seed: RandomRun.seed) { throw difference }
        }
    }

    @Test("when a node dies the next one is used, and without a majority nothing is", .timeLimit(.minutes(5)))
    func failOver() async throws {
        try await GaleraCluster.with { cluster in
            let database = try await cluster.nodes[0].freshDatabase().name
            let hosts = cluster.nodes.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
            let store = try await store("mysql://root@\(hosts)/\(database)")
            var acknowledged: [Key] = []
            for number in 0..<60 {
                if number == 20 { try await cluster.nodes[0].kill() }
                let key = Key("k\(number)")
                do {
                    _ = try await store.set(key, "v")
                    acknowledged.append(key)
                } catch {
                    let error = try #require(error as? StoreError)
                    #expect(error.retry != .never, "\(error)")
                }
            }
            #expect(acknowledged.count >= 55)
            for key in acknowledged { #expect(try await store.get(key)?.version == 1, "\(key)") }
            try await cluster.nodes[1].kill()
            try await cluster.waitUntilWithoutQuorum(cluster.nodes[2])
            let home = try MySQLHome(cluster.nodes[2].url(database: database))
            let error = #expect(throws: StoreError.self) { try home.open(.writing) }
            #expect(error?.code == .unavailable)
            await store.close()
        }
    }
}
