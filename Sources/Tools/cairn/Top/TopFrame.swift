import CairnClient
import CairnModel
import CairnServer

/// One frame of `cairn top`: what a server did between two moments. A plain value, without a clock.
struct TopFrame {
    /// Rates of a method's calls.
    struct Row: Equatable {
        var method: String
        var perSecond: Double
        var failedPerSecond: Double
        var active: Int64
        var median: Double?
        var high: Double?
    }

    let stats: ServerStats
    /// The keys that are used most; `nil` where that is not known.
    let hottest: [HotKey]?
    let rows: [Row]
    let eventsPerSecond: Double
    let transactionsPerBatch: Double?
    let batch: HistogramValue
    /// How many cores the process kept busy; `nil` if that isn't known.
    let cores: Double?

    /// What happened between `earlier` and `stats`; since the server started, if there is no earlier one.
    init(_ stats: ServerStats, since earlier: ServerStats?, hottest: [HotKey]? = nil) {
        // A server that was started anew begins at zero.
        let earlier = earlier.flatMap { $0.uptime < stats.uptime ? $0 : nil }
        let seconds = max(0.001, (stats.uptime - (earlier?.uptime ?? .zero)) / .seconds(1))
        self.stats = stats
        self.hottest = hottest
        let before = Dictionary((earlier?.calls ?? []).map { ($0.method, $0) }) { first, _ in first }
        rows = stats.calls.map { TopFrame.row($0, since: before[$0.method], seconds) }
            .sorted { ($1.perSecond, $0.method) < ($0.perSecond, $1.method) }
        let events = stats.events.values.reduce(0, +) - (earlier?.events.values.reduce(0, +) ?? 0)
        eventsPerSecond = Double(events) / seconds
        let batches = stats.batches - (earlier?.batches ?? 0)
        let transactions = stats.transactions - (earlier?.transactions ?? 0)
        transactionsPerBatch = batches > 0 ? Double(transactions) / Double(batches) : nil
        let histogram = HistogramValue(stats.batchSeconds)
        batch = earlier.map { histogram.since(HistogramValue($0.batchSeconds)) } ?? histogram
        cores = stats.processorTime.map { ($0 - (earlier?.processorTime ?? .zero)) / .seconds(1) / seconds }
    }

    private static func row(
        _ calls: ServerStats.Calls, since earlier: ServerStats.Calls?, _ seconds: Double
    ) -> Row {
        let histogram = HistogramValue(calls.seconds)
        let recent = earlier.map { histogram.since(HistogramValue($0.seconds)) } ?? histogram
        return Row(
            method: calls.method, perSecond: Double(calls.endedCount - (earlier?.endedCount ?? 0)) / seconds,
            failedPerSecond: Double(calls.failedCount - (earlier?.failedCount ?? 0)) / seconds,
            active: max(0, calls.started - calls.endedCount), median: recent.quantile(0.5), high: recent.quantile(0.99))
    }

    /// The frame as lines of at most `width` columns.
    func lines(width: Int) -> [String] {
        let batches =
            "batches of \(transactionsPerBatch.map { StatsText.tenths($0) } ?? "-"), p50 "
            + "\(StatsText.latency(batch.quantile(0.5))), p99 \(StatsText.latency(batch.quantile(0.99))), "
            + "waiting \(stats.waitingWrites)"
        var process = stats.memoryBytes.map { "memory \(StatsText.bytes($0))" } ?? ""
        if let cores { process += (process.isEmpty ? "" : ", ") + "cores \(StatsText.tenths(cores))" }
        let head = [
            "cairn \(stats.version)  \(stats.home)  up \(StatsText.duration(stats.uptime))"
                + (stats.isReadOnly ? "  READ-ONLY" : ""),
            "events \(StatsText.tenths(eventsPerSecond))/s, last \(stats.headRef)\(StatsText.size(stats))",
            batches,
            "connections \(stats.connections), watches \(stats.watchers), behind \(stats.watchersBehind), "
                + "lag \(stats.watchLagEvents) events",
            process, "",
            TopFrame.columns("METHOD", ["CALLS/S", "FAILED/S", "ACTIVE", "P50", "P99"]),
        ]
        let table = rows.map { row in
            TopFrame.columns(
                row.method,
                [
                    StatsText.tenths(row.perSecond), StatsText.tenths(row.failedPerSecond), "\(row.active)",
                    StatsText.latency(row.median), StatsText.latency(row.high),
                ])
        }
        return (head + table + hotLines).map { String($0.prefix(width)) }
    }

    private var hotLines: [String] {
        guard let hottest, !hottest.isEmpty else { return [] }
        let table = hottest.map { hot in
            let counts = [hot.metrics.accesses, hot.metrics.sets, hot.metrics.locks].map { "\($0.count)" }
            return TopFrame.columns(
                TextLines.printable(hot.key.bytes), [StatsText.tenths(hot.usesPerSecond)] + counts)
        }
        return ["", TopFrame.columns("HOTTEST KEYS", ["USES/S", "ACCESSES", "SETS", "LOCKS"])] + table
    }

    private static func columns(_ name: String, _ values: [String]) -> String {
        let first = name + String(repeating: " ", count: max(0, 34 - name.count))
        return first + values.map { String(repeating: " ", count: max(1, 10 - $0.count)) + $0 }.joined()
    }
}
