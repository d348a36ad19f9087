internal import Foundation
internal import Glibc

/// A MariaDB Galera cluster for tests: several servers, each of which takes writes.
///
///     try await GaleraCluster.with { cluster in
///         try await cluster.nodes[2].kill()
///         try await cluster.waitUntilSize(2, seenBy: cluster.nodes[0])
///         try await cluster.nodes[2].start()  // it fetches what it has missed
///     }
///
/// A node that was killed or paused is missed after some three seconds; a node without a majority refuses statements
/// with error 1047, and of two conflicting commits one fails with 1213. A node that was killed rejoins with a copy of
/// all data, after some four seconds. The cluster is ready after a few seconds and takes half a gigabyte of memory,
/// so tests should share one.
public final class GaleraCluster: Sendable {
    /// Why a cluster can't be run here; nil if it can.
    public static var unavailableReason: String? {
        if let reason = MariaDBServer.unavailableReason { return reason }
        guard provider != nil else {
            return "there is no Galera library here: install Debian's galera-4 (make deps-test)"
        }
        return Programs.reasonToSkip(programs: ["rsync"], package: "rsync")
    }

    /// Its servers. ``TestServer/start()`` makes one that was stopped or killed join the others again.
    public let nodes: [MariaDBServer]

    private init(nodes: [MariaDBServer]) { self.nodes = nodes }

    /// Starts a cluster. ``remove()`` it.
    public static func start(nodes count: Int = 3) async throws -> GaleraCluster {
        try await onOwnThread { try startBlocking(count) }
    }

    /// Runs `body` with a cluster of its own, and removes it afterwards.
    public static func with<Result>(
        nodes count: Int = 3, _ body: (GaleraCluster) async throws -> Result
    ) async throws -> Result {
        let cluster = try await start(nodes: count)
        do {
            let result = try await body(cluster)
            try await cluster.remove()
            return result
        } catch {
            // The first failure is the one to tell.
            try? await cluster.remove()
            throw error
        }
    }

    /// Waits until `node` sees a cluster of that many nodes which has a majority, knows all that the others do, and
    /// takes statements.
    public func waitUntilSize(_ size: Int, seenBy node: MariaDBServer) async throws {
        try await onOwnThread {
            var status: [String: String]?
            do {
                try block(until: "the node on port \(node.port) sees \(size) nodes", within: .seconds(120)) {
                    status = try? node.wsrepStatus()
                    return status?["wsrep_cluster_size"] == "\(size)" && status?["wsrep_cluster_status"] == "Primary"
                        && status?["wsrep_ready"] == "ON" && status?["wsrep_local_state_comment"] == "Synced"
                }
            } catch {
                let told = ["cluster_size", "cluster_status", "ready", "local_state_comment", "evs_state"]
                    .map { "\($0)=\(status?["wsrep_\($0)"] ?? "?")" }.joined(separator: " ")
                throw ServerFailure("\(error); the last that it told: \(told)")
            }
        }
    }

    /// Waits until `node` has noticed that it has no majority, and refuses statements.
    public func waitUntilWithoutQuorum(_ node: MariaDBServer) async throws {
        try await onOwnThread {
            try block(until: "the node on port \(node.port) is without a quorum", within: .seconds(60)) {
                try node.wsrepStatus()["wsrep_cluster_status"] == "non-Primary"
            }
        }
    }

    /// Starts the cluster again after all its nodes were killed or stopped, as Debian's service would after a power
    /// cut. What the node that has come farthest knows is kept.
    public func recover() async throws {
        try await onOwnThread { [nodes] in try GaleraCluster.startTogether(nodes) }
    }

    /// Kills all nodes and removes their data.
    public func remove() async throws {
        try await onOwnThread { [nodes] in
            for node in nodes { try node.process.remove() }
        }
    }

    /// The library that makes a MariaDB a node.
    fileprivate static let provider: String? = {
        let paths = ["/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so"]
        return paths.first { access($0, R_OK) == 0 }
    }()

    private static func startBlocking(_ count: Int) throws -> GaleraCluster {
        if let reason = unavailableReason { throw ServerFailure(reason) }
        let nodes = try (0..<count).map { _ in
            try MariaDBServer(named: "galera", probe: "SHOW STATUS LIKE 'wsrep_local_state_comment'", answer: "Synced")
        }
        let groupPorts = try nodes.map { _ in try LoopbackPort.reserve() }
        let address = "gcomm://" + groupPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        for (index, node) in nodes.enumerated() {
            let settings = try node.galeraSettings(number: index + 1, groupPort: groupPorts[index], cluster: address)
            try node.write(settings: settings)
        }
        // The first one's data, once they have a place in a cluster's history, are the others' too. So they can all
        // start together, as after a power cut, and none has to fetch a copy, which takes four seconds each.
        let account = nodes[0].process.launch.account
        try MariaDBServer.template.copy(to: nodes[0].dataDirectory, account: account)
        try nodes[0].process.start(extraArguments: ["--wsrep-new-cluster"])
        nodes[0].process.kill()
        for node in nodes.dropFirst() {
            try Command.run(["cp", "-a", "--reflink=auto", nodes[0].dataDirectory, node.dataDirectory])
        }
        try startTogether(nodes)
        return GaleraCluster(nodes: nodes)
    }

    /// Starts nodes that don't run at once, each at the place that it has come to. Blocks.
    private static func startTogether(_ nodes: [MariaDBServer]) throws {
        // They form the cluster without a vote if each of them remembers the same one, with all of them in it.
        let members = nodes.map { _ in UUID().uuidString.lowercased() }
        try atOnce(zip(nodes, members)) { node, name in
            let place = try node.recoveredPlace()
            try node.remember(members: members, as: name)
            do {
                try node.process.start(extraArguments: ["--wsrep-start-position=\(place)"])
            } catch {
                // One that was killed while it learned of a change in the cluster may find its place wrong, and ends.
                // As Debian's service would, it starts again, and then fetches a copy.
                try node.process.start()
            }
        }
    }
}

extension MariaDBServer {
    /// What the node says of the cluster, by name.
    fileprivate func wsrepStatus() throws -> [String: String] {
        let lines = try sqlBlocking("SHOW STATUS LIKE 'wsrep_%'", within: .seconds(15)).split(separator: "\n")
        let pairs = lines.map { $0.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false) }
        return Dictionary(pairs.filter { $0.count == 2 }.map { (String($0[0]), String($0[1])) }) { first, _ in first }
    }

    fileprivate func galeraSettings(number: Int, groupPort: Int, cluster: String) throws -> [String: String] {
        let (transferPort, copyPort) = (try LoopbackPort.reserve(), try LoopbackPort.reserve())
        let provider = [
            "base_host=127.0.0.1", "base_port=\(groupPort)", "gmcast.listen_addr=tcp://127.0.0.1:\(groupPort)",
            "ist.recv_addr=127.0.0.1:\(transferPort)", "gcache.size=16M",
            // A node that is gone is missed after five to six seconds, but one that has to wait for its turn on a busy
            // machine is not: two that suspect each other after the third is gone have no majority left.
            "evs.keepalive_period=PT0.5S", "evs.inactive_check_period=PT0.25S", "evs.suspect_timeout=PT5S",
            "evs.inactive_timeout=PT15S",
        ]
        return [
            "server_id": "\(number)",
            "binlog_format": "ROW",
            "default_storage_engine": "InnoDB",
            "innodb_autoinc_lock_mode": "2",
            "wsrep_on": "ON",
            "wsrep_provider": GaleraCluster.provider ?? "",
            "wsrep_provider_options": "\"\(provider.joined(separator: ";"))\"",
            "wsrep_cluster_name": "cairn_test",
            "wsrep_cluster_address": cluster,
            "wsrep_node_name": "node\(number)",
            "wsrep_node_address": "127.0.0.1:\(groupPort)",
            "wsrep_node_incoming_address": "127.0.0.1:\(port)",
            "wsrep_sst_method": "rsync",
            "wsrep_sst_receive_address": "127.0.0.1:\(copyPort)",
        ]
    }

    /// How far this node, which doesn't run, has come: the history's name, and the number of its last write in it.
    fileprivate func recoveredPlace() throws -> String {
        let launch = process.launch
        let log = "\(launch.directory)/recovery.log"
        let command = launch.account.command(launch.command + ["--wsrep-recover", "--log-error=\(log)"])
        try Command.run(command, directory: dataDirectory)
        let text = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
        // A line says `Recovered position: UUID:NUMBER`, perhaps with a comma and more after it.
        let marker = "Recovered position: "
        guard let start = text.ranges(of: marker).last?.upperBound,
            let place = text[start...].split(whereSeparator: { $0 == "," || $0.isWhitespace }).first
        else { throw process.failure("told no position to recover from: \(text)") }
        return String(place)
    }

    /// Writes down the cluster that the node was in, as Galera does whenever it changes.
    fileprivate func remember(members: [String], as name: String) throws {
        let lines = members.map { "member: \($0) 0\n" }.joined()
        let view = "#vwbeg\nview_id: 3 \(members[0]) 1\nbootstrap: 0\n\(lines)#vwend\n"
        let path = "\(dataDirectory)/gvwstate.dat"
        try Data("my_uuid: \(name)\n\(view)".utf8).write(to: URL(fileURLWithPath: path))
        try process.launch.account.own(path)
    }
}
