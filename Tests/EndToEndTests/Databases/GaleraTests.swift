import CairnModel
import CairnTestServers
import CairnTestSupport
import Testing

/// A Galera cluster whose nodes are written to through several replicas.
@Suite(
    "Databases: Galera",
    .enabled(if: GaleraCluster.unavailableReason == nil, Comment(rawValue: GaleraCluster.unavailableReason ?? "")),
    .timeLimit(.minutes(10)))
struct GaleraTests {
    @Test("writers on several nodes; a node is lost, then the quorum, and both come back")
    func nodes() async throws {
        try await GaleraCluster.with { cluster in
            let nodes = cluster.nodes
            try await nodes[0].sql("CREATE DATABASE app")
            // Each replica has a node of its own, and knows where else to go.
            let hosts = nodes.map { "127.0.0.1:\($0.port)" }
            let urls = [[0, 1, 2], [1, 2, 0]].map { order in
                nodes[0].url(database: "app").replacing(hosts[0], with: order.map { hosts[$0] }.joined(separator: ","))
            }
            try await Replicas.with(urls) { replicas in
                var load = SharedLoad(on: replicas, seed: RandomRun.seed)
                load.transactionsPerWriter = 60
                try await load.run { ledger in
                    try await ledger.waitForAcknowledged(60)
                    try await nodes[2].kill()
                    try await cluster.waitUntilSize(2, seenBy: nodes[0])
                    try await ledger.waitForAcknowledged(120)
                    // One of two is no majority: nobody may write.
                    try await nodes[1].pause()
                    try await cluster.waitUntilWithoutQuorum(nodes[0])
                    try await nodes[1].resume()
                    try await cluster.waitUntilSize(2, seenBy: nodes[0])
                    try await ledger.waitForAcknowledged(180)
                    try await nodes[2].start()
                    try await cluster.waitUntilSize(3, seenBy: nodes[0])
                }
            }
        }
    }
}
