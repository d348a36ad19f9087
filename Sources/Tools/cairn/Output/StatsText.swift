import CairnClient
import CairnModel
import CairnServer

/// A server's figures as lines for people.
enum StatsText {
    static func lines(_ stats: ServerStats) -> [String] {
        var lines = [
            "cairn \(stats.version), home \(stats.home), up \(duration(stats.uptime))"
                + (stats.isReadOnly ? ", read-only" : ""),
            "last event \(stats.headRef), oldest kept \(stats.oldestRef)" + size(stats),
            "connections \(stats.connections), watches \(stats.watchers) (\(stats.watchersBehind) behind, "
                + "\(stats.watchLagEvents) events at most)",
            "batches \(stats.batches), transactions \(stats.transactions), waiting \(stats.waitingWrites)",
            "events written: " + (counts(stats.events) ?? "none"),
        ]
        lines.append(held(stats))
        if let runs = counts(stats.pruneRuns) { lines.append("pruned: " + runs) }
        if let made = counts(stats.snapshots) { lines.append("snapshots made: " + made) }
        if let memory = stats.memoryBytes, let time = stats.processorTime {
            lines.append("memory \(bytes(memory)), processor time \(duration(time))")
        }
        for calls in stats.calls {
            let seconds = HistogramValue(calls.seconds)
            lines.append(
                "\(calls.method)\tcalls \(calls.started)\tfailed \(calls.failedCount)"
                    + "\tp50 \(latency(seconds.quantile(0.5)))\tp99 \(latency(seconds.quantile(0.99)))")
        }
        return lines
    }

    /// Keys and bytes, as far as they are known; of the keys there may be, how large a share there is.
    static func size(_ stats: ServerStats) -> String {
        var text = stats.keys.map { ", keys \($0)" } ?? ""
        if let keys = stats.keys, let most = stats.maxKeys, most > 0 {
            text += " of \(most) (\(Int64((Double(keys) / Double(most) * 100).rounded()))%)"
        }
        return text + (stats.bytes.map { ", size \(bytes($0))" } ?? "")
    }

    /// Leases, locks and clients, as far as they are known.
    private static func held(_ stats: ServerStats) -> String {
        guard let leases = stats.leases, let locks = stats.locks else { return "clients \(stats.clients)" }
        return "leases \(leases), locks \(locks), clients \(stats.clients)"
    }

    /// Numbers by name, in the order of the names; `nil` if there are none.
    private static func counts(_ counts: [String: Int64]) -> String? {
        let texts = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
    }

    /// A time in seconds, in the unit that fits.
    static func latency(_ seconds: Double?) -> String {
        guard let seconds else { return "-" }
        if seconds < 0.001 { return "\(Int((seconds * 1e6).rounded()))us" }
        if seconds < 1 { return "\(tenths(seconds * 1e3))ms" }
        return "\(tenths(seconds))s"
    }

    /// A number of bytes, in the unit that fits.
    static func bytes(_ count: Int64) -> String {
        var (number, unit) = (Double(count), "B")
        for next in ["KiB", "MiB", "GiB", "TiB"] where number >= 1_024 { (number, unit) = (number / 1_024, next) }
        return unit == "B" ? "\(count)B" : "\(tenths(number))\(unit)"
    }

    /// A length of time in its two largest units.
    static func duration(_ duration: Duration) -> String {
        let seconds = Int(duration / .seconds(1))
        switch seconds {
        case ..<1: return "\(Int(duration / .milliseconds(1)))ms"
        case ..<60: return "\(seconds)s"
        case ..<3_600: return "\(seconds / 60)m\(seconds % 60)s"
        case ..<86_400: return "\(seconds / 3_600)h\(seconds % 3_600 / 60)m"
        default: return "\(seconds / 86_400)d\(seconds % 86_400 / 3_600)h"
        }
    }

    /// The number with one digit after the point.
    static func tenths(_ number: Double) -> String {
        let tenths = Int64((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
