import CairnClient
import CairnModel
import CairnTestServers
import Foundation
import Testing

/// The monitor's pages, as curl and a real Prometheus read them.
@Suite("Operations: the monitor", .enabled(if: CairnBinary.isInstalled("curl"), "curl reads the pages"))
struct MonitorTests {
    /// Runs `body` with a server that is monitored, and the monitor's address.
    private func withMonitor(
        store: String = "memory:", options: [String] = [], _ body: (ServerProcess, String) async throws -> Void
    ) async throws {
        let all = ["--monitor", "127.0.0.1:0"] + options
        try await withServer(store: store, options: all) { (cairn) async throws in
            let prefix = "monitoring on "
            let address = try await cairn.process.output.first("the monitor's address") { bytes in
                String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(prefix) }
                    .map { String($0.dropFirst(prefix.count)) }
            }
            try await body(cairn, address)
        }
    }

    /// A page's status and text, as curl gets it.
    private func page(_ url: String, _ options: String...) async throws -> (status: String, body: String) {
        let curl = try ChildProcess(
            ["curl", "--silent", "--write-out", "\n%{http_code}"] + options + ["http://\(url)"])
        guard try await curl.status() == .code(0) else { throw ProcessFailure("curl \(url): \(curl.errors.text)") }
        let lines = String(decoding: try await curl.output.all(), as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        return (String(lines.last ?? ""), lines.dropLast().joined(separator: "\n"))
    }

    /// The values of the lines that begin so.
    private func value(_ series: String, in page: String) -> Double? {
        page.split(separator: "\n").first { $0.hasPrefix(series + " ") }.flatMap { line in
            Double(line.dropFirst(series.count + 1))
        }
    }

    @Test("there is none unless it is asked for, and one port can't be had twice")
    func off() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "a", "1")
            #expect(!cairn.process.output.text.contains("monitoring"))
        }
        try await withMonitor { (cairn, address) async throws in
            let second = try await CairnBinary.run([
                "serve", "--store", "memory:", "--listen", "127.0.0.1:0", "--monitor", address,
            ])
            #expect(second.status == .code(1) && second.errors.contains("\(address) is already in use"))
        }
    }

    @Test("the pages: live, ready, metrics; other paths and methods are refused")
    func pages() async throws {
        try await withMonitor { (cairn, address) async throws in
            #expect(try await page("\(address)/livez") == ("200", "ok\n"))
            #expect(try await page("\(address)/readyz?verbose") == ("200", "ready\n"))
            #expect(try await page("\(address)/").status == "404")
            #expect(try await page("\(address)/metrics", "--data", "x").status == "405")
            #expect(try await page("\(address)/metrics", "--head").status == "200")
        }
    }

    @Test("calls are counted by method and status, with and without a task; so are events, batches and watches")
    func counts() async throws {
        try await withMonitor { (cairn, address) async throws in
            for number in 1...5 { try await cairn.must("set", "k/\(number)", "x") }
            #expect(try await cairn("get", "none").status == .code(3))
            let client = try cairn.client()
            // Just a key and a value: these need no task.
            for _ in 0..<7 { _ = try await client.get("k/1") }
            for _ in 0..<3 { try await client.set("k/1", "y") }
            let watches = try await (0..<4).asyncMap { _ in try await client.watch(WatchRequest(range: .all)) }
            let text = try await page("\(address)/metrics").body
            let calls = "cairn_rpc_seconds_count{method=\"cairn.v1.KeyValue"
            #expect(value("\(calls)/Get\",status=\"OK\"}", in: text) == 7)
            #expect(value("\(calls)/Get\",status=\"NOT_FOUND\"}", in: text) == 1)
            #expect(value("\(calls)/Set\",status=\"OK\"}", in: text) == 8)
            #expect(value("cairn_events_total{kind=\"created\"}", in: text) == 5)
            #expect(value("cairn_events_total{kind=\"updated\"}", in: text) == 3)
            #expect(value("cairn_batch_transactions_sum", in: text) == 8)
            #expect(value("cairn_watchers", in: text) == 4)
            #expect(value("cairn_head_ref", in: text) == 8)
            #expect(value("cairn_home_keys", in: text) == 5)
            #expect((value("process_resident_memory_bytes", in: text) ?? 0) > 1_048_576)
            #expect((value("process_open_fds", in: text) ?? 0) > 3)
            #expect((value("process_cpu_seconds_total", in: text) ?? -1) >= 0)
            #expect((value("cairn_connections", in: text) ?? 0) >= 1)
            withExtendedLifetime(watches) {}
            await client.close()
        }
    }

    @Test(
        "a home on a database server tells of its database",
        .enabled(if: DatabaseKind.areAvailable, DatabaseKind.reason), arguments: DatabaseKind.allCases)
    func database(_ kind: DatabaseKind) async throws {
        let database = try await kind.freshDatabase()
        try await withMonitor(store: database.url) { (cairn, address) async throws in
            for number in 1...3 { try await cairn.must("set", "k/\(number)", "x") }
            let text = try await page("\(address)/metrics").body
            let home = kind == .postgres ? "postgres" : "mysql"
            let commits = "cairn_database_seconds_count{home=\"\(home)\",operation=\"commit\"}"
            #expect((value(commits, in: text) ?? 0) >= 3)
            #expect(value("cairn_database_batch_events_sum{home=\"\(home)\"}", in: text) == 3)
            #expect((value("cairn_database_sessions{home=\"\(home)\"}", in: text) ?? 0) >= 1)
            #expect(value("cairn_database_on_duty{home=\"\(home)\"}", in: text) == 1)
        }
    }

    @Test("open watches of several clients don't hold up a server that stops, however long calls may take")
    func stopWithWatches() async throws {
        try await withServer(options: ["--drain-time", "1h"]) { (cairn) async throws in
            let clients = try (0..<3).map { _ in try cairn.client(attempts: 1) }
            var streams: [WatchStream] = []
            for client in clients {
                for _ in 0..<3 { streams.append(try await client.watch(WatchRequest(range: .all))) }
            }
            cairn.process.signal(SIGTERM)
            #expect(try await cairn.process.status() == .code(0))
            withExtendedLifetime(streams) {}
            for client in clients { await client.close() }
        }
    }

    @Test(
        "while a call holds up a server that stops, it lives, and is not ready",
        .enabled(if: CairnBinary.isInstalled("sqlite3"), "sqlite3 holds the file"))
    func stopping() async throws {
        try await withTemporaryDirectory { directory in
            let (file, gate) = (directory + "/cairn.db", directory + "/gate")
            #expect(mkfifo(gate, 0o600) == 0)
            try await withMonitor(store: "sqlite:\(file)", options: ["--log-level", "debug"]) {
                (cairn, address) async throws in
                try await cairn.must("set", "a", "1")
                // Another process holds the write lock until somebody opens the gate, and so a write takes that long.
                let holder = try ChildProcess(["sqlite3", file, "BEGIN IMMEDIATE", ".shell echo held; cat \(gate)"])
                _ = try await holder.output.lines(atLeast: 1)
                let client = try cairn.client(attempts: 1)
                let write = Task.immediate { try await client.set("a", "2") }
                // On the same connection: when this is answered, the write has arrived.
                _ = try await client.status()
                #expect(try await page("\(address)/readyz").status == "200")
                cairn.process.signal(SIGTERM)
                let limit = ContinuousClock.now + .seconds(60)
                while try await page("\(address)/readyz") != ("503", "stopping\n") {
                    guard ContinuousClock.now < limit else { throw ProcessFailure("it stayed ready") }
                }
                #expect(try await page("\(address)/livez").status == "200")
                close(open(gate, O_WRONLY))
                #expect(try await write.value.version == 2)
                #expect(try await cairn.process.status() == .code(0))
                #expect(try await holder.status() == .code(0))
                await client.close()
            }
        }
    }

    @Test(
        "a real Prometheus scrapes it, and tells the right number and rate of puts",
        .enabled(if: PrometheusServer.unavailableReason == nil, "\(PrometheusServer.unavailableReason ?? "")"))
    func prometheus() async throws {
        try await withMonitor { (cairn, address) async throws in
            try await PrometheusServer.with(scraping: address) { prometheus in
                let client = try cairn.client()
                try await client.set("k", "first")
                let sets = "cairn_rpc_seconds_count{method=\"cairn.v1.KeyValue/Set\",status=\"OK\"}"
                func wait(_ query: String, for expected: Double) async throws {
                    let limit = ContinuousClock.now + .seconds(60)
                    while try await prometheus.value(of: query) != expected {
                        guard ContinuousClock.now < limit else {
                            let value = try await prometheus.value(of: query)
                            throw ProcessFailure("\(query) is \(String(describing: value)), not \(expected)")
                        }
                    }
                }
                try await wait("up", for: 1)
                try await wait(sets, for: 1)
                for number in 0..<200 { try await client.set("k", Value(bytes: Array("\(number)".utf8))) }
                try await wait(sets, for: 201)
                try await wait("count_over_time(\(sets)[1h]) > bool 9", for: 1)
                // Prometheus reckons that the samples stand for some more time at either end: half an interval before
                // the first, and up to 1.1 after the last, when the next one is late. So the rate over the hour tells
                // of 200 puts, and of at most as much more as 1.6 intervals are of all.
                let samples = try #require(try await prometheus.value(of: "count_over_time(\(sets)[1h])"))
                let rate = try #require(try await prometheus.value(of: "sum(rate(\(sets)[1h]))"))
                #expect(rate * 3_600 >= 199.999, "\(rate)")
                #expect(rate * 3_600 <= 200 * (samples + 0.6) / (samples - 1) + 0.001, "\(rate) of \(samples) samples")
                let quantile = "histogram_quantile(0.99, sum by (le) (cairn_rpc_seconds_bucket))"
                let slowest = try #require(try await prometheus.value(of: quantile))
                #expect(slowest > 0 && slowest <= 10)
                await client.close()
            }
        }
    }
}

extension Sequence where Element: Sendable {
    /// The results, one after the other.
    fileprivate func asyncMap<Result>(_ make: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await make(element)) }
        return results
    }
}
