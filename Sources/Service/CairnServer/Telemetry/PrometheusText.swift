/// Metrics as a page that Prometheus reads (text exposition format, version 0.0.4).
package enum PrometheusText {
    /// What the page's `Content-Type` is.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The page.
    package static func page(_ families: [MetricFamily]) -> String {
        var page = ""
        for family in families {
            if !family.help.isEmpty {
                page += "# HELP \(family.name) \(escaped(family.help, quotes: false))\n"
            }
            page += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for series in family.series { write(series, of: family.name, to: &page) }
        }
        return page
    }

    /// A metric's name from any text: other characters become underscores.
    package static func metricName(_ text: String) -> String { name(text, allowed: ":") }

    /// A label's name from any text.
    package static func labelName(_ text: String) -> String { name(text, allowed: "") }

    private static func name(_ text: String, allowed: String) -> String {
        let name = String(
            text.unicodeScalars.map { scalar in
                let isWord = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                return isWord || scalar == "_" || allowed.unicodeScalars.contains(scalar) ? Character(scalar) : "_"
            })
        return name.first.map { $0.isNumber } ?? true ? "_" + name : name
    }

    private static func write(_ series: MetricFamily.Series, of name: String, to page: inout String) {
        switch series.value {
        case .number(let number):
            page += "\(name)\(braces(series.labels)) \(text(number))\n"
        case .histogram(let histogram):
            var total = 0
            for (number, count) in histogram.counts.enumerated() {
                total += count
                let bound = number < histogram.bounds.count ? text(histogram.bounds[number]) : "+Inf"
                let labels = series.labels + [MetricFamily.Label(name: "le", value: bound)]
                page += "\(name)_bucket\(braces(labels)) \(total)\n"
            }
            page += "\(name)_sum\(braces(series.labels)) \(text(histogram.sum))\n"
            page += "\(name)_count\(braces(series.labels)) \(total)\n"
        }
    }

    private static func braces(_ labels: [MetricFamily.Label]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: number).map { String($0) } ?? number.description
    }
}
