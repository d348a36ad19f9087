import CairnTestServers
import Testing

@Suite(
    "Galera for tests",
    .enabled(if: GaleraCluster.unavailableReason == nil, "\(GaleraCluster.unavailableReason ?? "")"))
struct GaleraClusterTests {
    // One test, as a cluster is dear.
    @Test("a cluster loses a node, its majority, and all its nodes, and gets them back with their rows")
    func losses() async throws {
        try await GaleraCluster.with { cluster in
            let (first, second, third) = (cluster.nodes[0], cluster.nodes[1], cluster.nodes[2])
            for node in cluster.nodes { try await cluster.waitUntilSize(3, seenBy: node) }
            let database = try await first.freshDatabase()
            try await database.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
            // A node that is killed in the middle of a CREATE takes it for done when it comes back: MariaDB doesn't
            // keep its place in the history and its tables' files together. So none is killed before it has the table.
            let rows = "SET SESSION wsrep_sync_wait = 7; SELECT id FROM t ORDER BY id"
            for node in cluster.nodes { #expect(try await node.sql(rows, database: database.name) == "1") }

            try await third.kill()
            try await cluster.waitUntilSize(2, seenBy: first)
            try await database.sql("INSERT INTO t VALUES (2)")
            try await third.start()
            try await cluster.waitUntilSize(3, seenBy: third)
            #expect(try await third.sql(rows, database: database.name) == "1\n2")

            try await second.pause()
            try await third.pause()
            try await cluster.waitUntilWithoutQuorum(first)
            let failure = await #expect(throws: ServerFailure.self) { try await database.sql("SELECT id FROM t") }
            #expect(failure?.description.contains("1047") == true)
            try await second.resume()
            try await third.resume()
            for node in cluster.nodes { try await cluster.waitUntilSize(3, seenBy: node) }

            for node in cluster.nodes { try await node.kill() }
            try await cluster.recover()
            try await cluster.waitUntilSize(3, seenBy: second)
            #expect(try await second.sql(rows, database: database.name) == "1\n2")
        }
    }
}
