/// Looks figures up among metrics.
package struct MetricReader: Sendable {
    private let families: [String: MetricFamily]

    /// The figures among these.
    package init(_ families: [MetricFamily]) {
        self.families = Dictionary(families.map { ($0.name, $0) }) { first, _ in first }
    }

    /// The number of a metric without labels; `nil` if it isn't there.
    package func number(_ name: String) -> Double? {
        guard case .number(let number)? = families[name]?.series.first?.value else { return nil }
        return number
    }

    /// The whole number of a metric without labels; 0 if it isn't there.
    package func count(_ name: String) -> Int64 { number(name).map { Int64($0) } ?? 0 }

    /// The numbers of a metric by the value of a label.
    package func counts(_ name: String, by label: String) -> [String: Int64] {
        var counts: [String: Int64] = [:]
        for series in families[name]?.series ?? [] {
            guard case .number(let number) = series.value, let key = series.label(label) else { continue }
            counts[key, default: 0] += Int64(number)
        }
        return counts
    }

    /// The histogram of a metric without labels.
    package func histogram(_ name: String) -> HistogramValue? {
        guard case .histogram(let histogram)? = families[name]?.series.first?.value else { return nil }
        return histogram
    }

    /// The histograms of a metric by the values of two labels.
    package func histograms(
        _ name: String, by first: String, and second: String
    ) -> [String: [String: HistogramValue]] {
        var histograms: [String: [String: HistogramValue]] = [:]
        for series in families[name]?.series ?? [] {
            guard case .histogram(let histogram) = series.value, let outer = series.label(first),
                let inner = series.label(second)
            else { continue }
            histograms[outer, default: [:]][inner] = histogram
        }
        return histograms
    }
}

extension MetricFamily.Series {
    /// The value of a label.
    fileprivate func label(_ name: String) -> String? { labels.first { $0.name == name }?.value }
}

extension HistogramValue {
    /// Both together; they have the same buckets.
    package func adding(_ other: HistogramValue) -> HistogramValue {
        HistogramValue(
            bounds: bounds, counts: zip(counts, other.counts).map { $0 + $1 }, sum: sum + other.sum)
    }
}
