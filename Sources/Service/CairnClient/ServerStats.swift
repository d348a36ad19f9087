public import CairnModel
internal import CairnProtocol

/// What one server has done since it started, and how it stands.
public struct ServerStats: Sendable {
    /// How many values fell into each bucket.
    public struct Histogram: Sendable, Hashable {
        /// The upper ends of the buckets, inclusive, ascending; one more bucket takes what is larger.
        public var bounds: [Double]
        /// How many values are in each bucket. One more than there are bounds.
        public var counts: [Int]
        /// All values together.
        public var sum: Double
    }

    /// The calls of one method.
    public struct Calls: Sendable, Hashable {
        /// The method, such as `cairn.v1.KeyValue/Get`.
        public var method: String
        /// Calls that began.
        public var started: Int64
        /// Calls that ended, by gRPC status, such as `OK`.
        public var ended: [String: Int64]
        /// How long those took that ended, in seconds.
        public var seconds: Histogram

        /// Calls that ended.
        public var endedCount: Int64 { ended.values.reduce(0, +) }
        /// Calls that ended with another status than `OK`.
        public var failedCount: Int64 { endedCount - (ended["OK"] ?? 0) }
    }

    /// How long the server has run.
    public var uptime: Duration
    /// The server's version.
    public var version: String
    /// The home, such as `memory` or `sqlite`.
    public var home: String
    /// The last event.
    public var headRef: Ref
    /// The oldest event that is kept.
    public var oldestRef: Ref
    /// Whether writes are refused.
    public var isReadOnly: Bool
    /// Live keys; `nil` where the home can't tell.
    public var keys: Int64?
    /// What the store takes, in bytes; `nil` where the home can't tell.
    public var bytes: Int64?
    /// How many live keys there may be; `nil` where there may be any number.
    public var maxKeys: Int64?
    /// Leases that were granted or have a deadline, lifespans among them; `nil` where the home can't tell.
    public var leases: Int64?
    /// Locks that are held; `nil` where the home can't tell.
    public var locks: Int64?
    /// Clients that the server has heard of and remembers.
    public var clients: Int64
    /// Connections that are open.
    public var connections: Int64
    /// Watches that are open on this server.
    public var watchers: Int64
    /// Those of them that are reading the log, as they are not up to date.
    public var watchersBehind: Int64
    /// How many events the slowest watch has still to be given.
    public var watchLagEvents: Int64
    /// Transactions that wait to be written.
    public var waitingWrites: Int64
    /// Batches of transactions since the server started.
    public var batches: Int64
    /// Transactions in those batches.
    public var transactions: Int64
    /// How long the batches took, in seconds.
    public var batchSeconds: Histogram
    /// Events that this server has written since it started, by kind, such as `created`.
    public var events: [String: Int64]
    /// Times that the server has pruned, by occasion: `interval`, `growth`, `limit` or `manual`.
    public var pruneRuns: [String: Int64]
    /// Snapshots that the server has made, by occasion: `interval`, `request` or `shutdown`.
    public var snapshots: [String: Int64]
    /// Calls since the server started, by method, for those that were called.
    public var calls: [Calls]
    /// The process's memory in RAM, in bytes; `nil` where the system doesn't tell.
    public var memoryBytes: Int64?
    /// Processor time of the process; `nil` where the system doesn't tell.
    public var processorTime: Duration?
}

extension CairnClient {
    /// How the server is doing. Cheap for it.
    public func serverStats() async throws(StoreError) -> ServerStats {
        let response: Cairn_V1_StatsResponse = try await calls.unary(
            "cairn.v1.Admin/Stats", Cairn_V1_StatsRequest(), isSafe: true)
        return ServerStats(wire: response)
    }
}

extension ServerStats {
    fileprivate init(wire message: Cairn_V1_StatsResponse) {
        uptime = .microseconds(message.uptimeUs)
        version = message.serverVersion
        home = message.home
        headRef = Ref(message.headRef)
        oldestRef = Ref(message.oldestRef)
        isReadOnly = message.readOnly
        keys = message.hasKeys ? message.keys : nil
        bytes = message.hasBytes ? message.bytes : nil
        maxKeys = message.hasMaxKeys ? message.maxKeys : nil
        leases = message.hasLeases ? message.leases : nil
        locks = message.hasLocks ? message.locks : nil
        clients = message.clients
        connections = message.connections
        watchers = message.watchers
        watchersBehind = message.watchersBehind
        watchLagEvents = message.watchLagEvents
        waitingWrites = message.waitingWrites
        batches = message.batches
        transactions = message.transactions
        batchSeconds = Histogram(wire: message.batchSeconds)
        events = message.events
        pruneRuns = message.pruneRuns
        snapshots = message.snapshots
        calls = message.calls.map {
            Calls(method: $0.method, started: $0.started, ended: $0.ended, seconds: Histogram(wire: $0.seconds))
        }
        memoryBytes = message.hasMemoryBytes ? message.memoryBytes : nil
        processorTime = message.hasCpuUs ? .microseconds(message.cpuUs) : nil
    }
}

extension ServerStats.Histogram {
    fileprivate init(wire message: Cairn_V1_Histogram) {
        bounds = message.bounds
        counts = message.counts.map { Int($0) }
        sum = message.sum
    }
}
