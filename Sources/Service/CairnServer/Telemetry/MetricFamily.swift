/// All series of one metric, with their values of one moment.
package struct MetricFamily: Sendable, Equatable {
    /// What the values are, as Prometheus names it.
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    /// One series.
    package struct Series: Sendable, Equatable {
        package var labels: [Label]
        package var value: Value
    }

    /// A label's name and value.
    package struct Label: Sendable, Hashable {
        package var name: String
        package var value: String
    }

    /// A series' value.
    package enum Value: Sendable, Equatable {
        case number(Double)
        case histogram(HistogramValue)
    }

    package var name: String
    package var help: String
    package var kind: Kind
    package var series: [Series]

    /// A family of one series without labels.
    package init(_ name: String, help: String, _ kind: Kind, _ value: Double) {
        self.init(name, help: help, kind, [Series(labels: [], value: .number(value))])
    }

    /// A family of these series.
    package init(_ name: String, help: String, _ kind: Kind, _ series: [Series]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.series = series
    }
}

/// How many values fell into each bucket.
package struct HistogramValue: Sendable, Equatable {
    /// The upper ends of the buckets, inclusive, ascending; one more bucket takes what is larger.
    package var bounds: [Double]
    /// How many values are in each bucket, and in no lower one. One more than there are bounds.
    package var counts: [Int]
    /// All values together.
    package var sum: Double

    /// These counts of these buckets.
    package init(bounds: [Double], counts: [Int], sum: Double) {
        self.bounds = bounds
        self.counts = counts
        self.sum = sum
    }

    /// How many values there are.
    package var count: Int { counts.reduce(0, +) }

    /// The value below which a share of the values lies, from 0 to 1, guessed within its bucket as Prometheus does;
    /// `nil` if there are none.
    package func quantile(_ share: Double) -> Double? {
        let rank = share * Double(count)
        guard count > 0, let last = bounds.last else { return nil }
        var below = 0
        for (number, bound) in bounds.enumerated() {
            let within = counts[number]
            if within > 0, Double(below + within) >= rank {
                let lower = number == 0 ? 0 : bounds[number - 1]
                return lower + (bound - lower) * max(0, rank - Double(below)) / Double(within)
            }
            below += within
        }
        return last
    }

    /// What was added since `earlier`.
    package func since(_ earlier: HistogramValue) -> HistogramValue {
        guard earlier.counts.count == counts.count else { return self }
        let difference = zip(counts, earlier.counts).map { max(0, $0 - $1) }
        return HistogramValue(bounds: bounds, counts: difference, sum: max(0, sum - earlier.sum))
    }
}
