public import Metrics
internal import Synchronization

/// The metrics of a process, for swift-metrics: what is emitted there can be read here, as on the monitor's page.
///
/// Counting is an atomic addition; making an instrument takes a lock. A metric has at most
/// ``seriesLimit`` series: whoever makes more gets instruments that nobody sees, so that labels with many values can't
/// fill the memory.
public final class MetricRegistry: MetricsFactory {
    /// How many series a metric may have.
    public static let seriesLimit = 1_000

    private enum Instrument: Sendable {
        case counter(CounterInstrument)
        case gauge(GaugeInstrument)
        case histogram(HistogramInstrument)

        var kind: MetricFamily.Kind {
            switch self {
            case .counter: .counter
            case .gauge: .gauge
            case .histogram: .histogram
            }
        }

        var value: MetricFamily.Value {
            switch self {
            case .counter(let counter): counter.value
            case .gauge(let gauge): gauge.value
            case .histogram(let histogram): histogram.value
            }
        }

        var object: AnyObject {
            switch self {
            case .counter(let counter): counter
            case .gauge(let gauge): gauge
            case .histogram(let histogram): histogram
            }
        }
    }

    private struct Family: Sendable {
        let kind: MetricFamily.Kind
        var series: [[MetricFamily.Label]: Instrument] = [:]
    }

    private struct State: Sendable {
        var families: [String: Family] = [:]
        var collectors: [@Sendable () -> [MetricFamily]] = []
    }

    private let state = Mutex(State())

    /// A registry without metrics.
    public init() {}

    /// Has `collect` called before the metrics are read, to set what is only known when asked for.
    public func beforeReading(_ collect: @escaping @Sendable () -> Void) {
        addCollector {
            collect()
            return []
        }
    }

    /// Has `collect` asked for more whenever the metrics are read.
    func addCollector(_ collect: @escaping @Sendable () -> [MetricFamily]) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// All metrics, by name, with their values now. May read files of the operating system, so it blocks for a moment.
    package func families() -> [MetricFamily] {
        let collected = state.withLock { $0.collectors }.flatMap { $0() }
        let own = state.withLock { $0.families }.map { name, family in
            let series = family.series.map { MetricFamily.Series(labels: $0.key, value: $0.value.value) }
            let sorted = series.sorted { MetricRegistry.order(of: $0) < MetricRegistry.order(of: $1) }
            return MetricFamily(name, help: MetricTable.help(of: name), family.kind, sorted)
        }
        return (own + collected).sorted { $0.name < $1.name }
    }

    private static func order(of series: MetricFamily.Series) -> String {
        series.labels.map { "\($0.name)\u{0}\($0.value)" }.joined(separator: "\u{0}")
    }

    // MARK: Making

    private func instrument(
        _ name: String, _ dimensions: [(String, String)], _ kind: MetricFamily.Kind, _ make: () -> Instrument
    ) -> Instrument {
        let reserved: Set<String> = kind == .histogram ? ["le"] : []
        let labels = dimensions.map { name, value in
            let label = PrometheusText.labelName(name)
            return MetricFamily.Label(name: reserved.contains(label) ? label + "_" : label, value: value)
        }
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            if let known = family.series[labels], known.kind == kind { return known }
            let made = make()
            // Of another kind, or one too many: it counts for itself, and nobody reads it.
            guard family.kind == kind, family.series.count < MetricRegistry.seriesLimit else { return made }
            family.series[labels] = made
            state.families[name] = family
            return made
        }
    }

    /// A counter; its name ends in `_total`.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let name = PrometheusText.metricName(label)
        let full = name.hasSuffix("_total") ? name : name + "_total"
        let made = instrument(full, dimensions, .counter) { .counter(CounterInstrument()) }
        if case .counter(let counter) = made { return counter }
        return CounterInstrument()
    }

    /// A gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// A histogram of sizes if it aggregates; else a gauge.
    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        let made = instrument(PrometheusText.metricName(label), dimensions, .histogram) { .histogram(.sizes()) }
        if case .histogram(let histogram) = made { return histogram }
        return HistogramInstrument.sizes()
    }

    /// A histogram of seconds; its name ends in `_seconds`.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = PrometheusText.metricName(label)
        let full = name.hasSuffix("_seconds") ? name : name + "_seconds"
        let made = instrument(full, dimensions, .histogram) { .histogram(.seconds()) }
        if case .histogram(let histogram) = made { return histogram }
        return HistogramInstrument.seconds()
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeInstrument {
        let made = instrument(PrometheusText.metricName(label), dimensions, .gauge) { .gauge(GaugeInstrument()) }
        if case .gauge(let gauge) = made { return gauge }
        return GaugeInstrument()
    }

    // MARK: Ending

    /// Takes the series off the page.
    public func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
    /// Takes the series off the page.
    public func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
    /// Takes the series off the page.
    public func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }
    /// Takes the series off the page.
    public func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }

    private func destroy(_ handler: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                let kept = family.series.filter { $0.value.object !== handler }
                state.families[name]?.series = kept
                if kept.isEmpty { state.families[name] = nil }
            }
        }
    }
}
