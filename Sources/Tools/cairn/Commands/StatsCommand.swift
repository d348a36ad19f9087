import ArgumentParser
import CairnClient
import CairnModel
import CairnServer

struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show what a server has done since it started, and how it stands.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.runClient { client in
            let stats = try await client.serverStats()
            if self.client.json {
                JSONLines.print(StatsLine(stats))
            } else {
                for line in StatsText.lines(stats) { Terminal.print(line) }
            }
        }
    }
}

/// A server's figures as JSON; times in microseconds.
private struct StatsLine: Encodable {
    struct Calls: Encodable {
        var method: String
        var started: Int64
        var ended: [String: Int64]
        var p50Us: Int64?
        var p99Us: Int64?
    }

    var version: String
    var home: String
    var uptimeUs: Int64
    var headRef: Int64
    var oldestRef: Int64
    var readOnly: Bool
    var keys: Int64?
    var bytes: Int64?
    var maxKeys: Int64?
    var leases: Int64?
    var locks: Int64?
    var clients: Int64
    var connections: Int64
    var watchers: Int64
    var watchersBehind: Int64
    var watchLagEvents: Int64
    var waitingWrites: Int64
    var batches: Int64
    var transactions: Int64
    var events: [String: Int64]
    var pruneRuns: [String: Int64]
    var snapshots: [String: Int64]
    var calls: [Calls]
    var memoryBytes: Int64?
    var cpuUs: Int64?

    init(_ stats: ServerStats) {
        version = stats.version
        home = stats.home
        uptimeUs = Int64(stats.uptime / .microseconds(1))
        headRef = stats.headRef.rawValue
        oldestRef = stats.oldestRef.rawValue
        readOnly = stats.isReadOnly
        keys = stats.keys
        bytes = stats.bytes
        maxKeys = stats.maxKeys
        leases = stats.leases
        locks = stats.locks
        clients = stats.clients
        connections = stats.connections
        watchers = stats.watchers
        watchersBehind = stats.watchersBehind
        watchLagEvents = stats.watchLagEvents
        waitingWrites = stats.waitingWrites
        batches = stats.batches
        transactions = stats.transactions
        events = stats.events
        pruneRuns = stats.pruneRuns
        snapshots = stats.snapshots
        calls = stats.calls.map { calls in
            let seconds = HistogramValue(calls.seconds)
            return Calls(
                method: calls.method, started: calls.started, ended: calls.ended,
                p50Us: seconds.quantile(0.5).map { Int64($0 * 1e6) },
                p99Us: seconds.quantile(0.99).map { Int64($0 * 1e6) })
        }
        memoryBytes = stats.memoryBytes
        cpuUs = stats.processorTime.map { Int64($0 / .microseconds(1)) }
    }
}

extension HistogramValue {
    /// The same, to reckon with.
    init(_ histogram: ServerStats.Histogram) {
        self.init(bounds: histogram.bounds, counts: histogram.counts, sum: histogram.sum)
    }
}
