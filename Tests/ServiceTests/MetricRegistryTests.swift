import Foundation
import Metrics
import Testing

@testable import CairnServer

/// The registry of metrics, and the page that Prometheus reads.
@Suite("Metrics")
struct MetricRegistryTests {
    private func page(_ registry: MetricRegistry) -> [String] {
        PrometheusText.page(registry.families()).split(separator: "\n").map(String.init)
    }

    @Test("counters, gauges and histograms, each with its type; names and endings as Prometheus wants them")
    func kinds() {
        let registry = MetricRegistry()
        Counter(label: "jobs.done", dimensions: [("kind-of", "a")], factory: registry).increment(by: 3)
        let gauge = Gauge(label: "depth", factory: registry)
        gauge.record(7)
        gauge.record(2.5)
        let meter = Meter(label: "open", factory: registry)
        meter.increment()
        meter.increment(by: 4)
        meter.decrement()
        let timer = Metrics.Timer(label: "wait", factory: registry)
        timer.recordNanoseconds(50_000)
        timer.recordMilliseconds(2)
        timer.recordSeconds(100)
        Recorder(label: "size", factory: registry).record(3)
        let lines = page(registry)
        #expect(lines.contains("# TYPE jobs_done_total counter") && lines.contains("jobs_done_total{kind_of=\"a\"} 3"))
        #expect(lines.contains("# TYPE depth gauge") && lines.contains("depth 2.5"))
        #expect(lines.contains("open 4"))
        #expect(lines.contains("# TYPE wait_seconds histogram"))
        #expect(lines.contains("wait_seconds_bucket{le=\"5e-05\"} 1"))
        #expect(lines.contains("wait_seconds_bucket{le=\"0.001\"} 1"))
        #expect(lines.contains("wait_seconds_bucket{le=\"0.0025\"} 2"))
        #expect(lines.contains("wait_seconds_bucket{le=\"10\"} 2"))
        #expect(lines.contains("wait_seconds_bucket{le=\"+Inf\"} 3"))
        #expect(lines.contains("wait_seconds_count 3") && lines.contains("wait_seconds_sum 100.00205"))
        #expect(lines.contains("size_bucket{le=\"2\"} 0") && lines.contains("size_bucket{le=\"4\"} 1"))
    }

    @Test("quotes, backslashes and newlines in labels and help are escaped")
    func escaping() {
        let family = MetricFamily(
            "m", help: "one\ntwo \\ \"three\"", .gauge,
            [.init(labels: [.init(name: "l", value: "a\"b\\c\nd")], value: .number(1))])
        #expect(
            PrometheusText.page([family])
                == #"# HELP m one\ntwo \\ "three""# + "\n# TYPE m gauge\n" + #"m{l="a\"b\\c\nd"} 1"# + "\n")
    }

    @Test(
        "numbers are written as Prometheus reads them",
        arguments: [
            (1.0, "1"), (-3, "-3"), (0.5, "0.5"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
            (1e15, "1000000000000000"), (1e300, "1e+300"),
        ])
    func numbers(_ number: Double, _ text: String) {
        #expect(PrometheusText.page([MetricFamily("m", help: "", .gauge, number)]).hasSuffix("m \(text)\n"))
    }

    @Test("the same name and labels are one series; another kind of the same name is not shown")
    func sharing() {
        let registry = MetricRegistry()
        Counter(label: "a_total", dimensions: [("x", "1")], factory: registry).increment()
        Counter(label: "a_total", dimensions: [("x", "1")], factory: registry).increment()
        Meter(label: "a_total", dimensions: [("x", "2")], factory: registry).set(9)
        #expect(page(registry) == ["# TYPE a_total counter", "a_total{x=\"1\"} 2"])
    }

    @Test("a metric has a thousand series at most; what is destroyed goes")
    func bounds() {
        let registry = MetricRegistry()
        for number in 0..<MetricRegistry.seriesLimit + 5 {
            Counter(label: "a", dimensions: [("x", "\(number)")], factory: registry).increment()
        }
        #expect(registry.families().map(\.series.count) == [MetricRegistry.seriesLimit])
        let counter = Counter(label: "b", factory: registry)
        counter.increment()
        #expect(registry.families().count == 2)
        counter.destroy()
        #expect(registry.families().count == 1)
    }

    @Test("counts from many threads at once are all there")
    func concurrency() async {
        let registry = MetricRegistry()
        let counter = Counter(label: "a", factory: registry)
        let timer = Metrics.Timer(label: "t", factory: registry)
        let meter = Meter(label: "m", factory: registry)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        counter.increment()
                        timer.recordNanoseconds(1_000)
                        meter.increment()
                    }
                }
            }
        }
        let reader = MetricReader(registry.families())
        #expect(reader.number("a_total") == 8_000 && reader.number("m") == 8_000)
        #expect(reader.histogram("t_seconds")?.count == 8_000)
    }

    @Test("quantiles are guessed within their bucket, and differences taken")
    func quantiles() {
        let before = HistogramValue(bounds: [1, 2, 4], counts: [1, 0, 0, 0], sum: 0.5)
        let after = HistogramValue(bounds: [1, 2, 4], counts: [1, 2, 2, 0], sum: 10)
        let difference = after.since(before)
        #expect(difference.count == 4 && difference.quantile(0.5) == 2 && difference.quantile(0.75) == 3)
        #expect(HistogramValue(bounds: [1], counts: [0, 0], sum: 0).quantile(0.5) == nil)
        #expect(HistogramValue(bounds: [1], counts: [0, 3], sum: 9).quantile(0.5) == 1)
    }

    @Test("the line of /proc is read whatever the process is called")
    func processStat() {
        let line = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 9 0 555 4096000 250 184467 1"
        let stat = ProcessStat(line: line)
        #expect(stat?.cpuTicks == 42 && stat?.threads == 9 && stat?.startTicks == 555)
        #expect(stat?.virtualBytes == 4_096_000 && stat?.residentPages == 250)
        #expect(ProcessStat(line: "") == nil && ProcessStat(line: "1 (x) S") == nil)
    }
}

/// What the documentation says of the metrics.
@Suite("The table of metrics")
struct MetricTableTests {
    @Test("the documentation's table is ours, and has every name once")
    func documentation() throws {
        #expect(Set(MetricTable.rows.map(\.name)).count == MetricTable.rows.count)
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let page = try String(contentsOfFile: root + "/docs/reference/monitoring.md", encoding: .utf8)
        #expect(page.contains(MetricTable.table.joined(separator: "\n") + "\n"))
    }
}
