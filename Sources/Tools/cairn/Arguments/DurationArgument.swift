import ArgumentParser
import CairnSettings

/// A duration on the command line: numbers with units, such as `30s`, `1h30m` or `250ms`.
struct DurationArgument: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        guard let duration = DurationText.duration(of: argument) else { return nil }
        self.duration = duration
    }

    var description: String { DurationText.text(of: duration) }
}

extension Duration {
    /// The duration as one would write it on the command line.
    var text: String { DurationText.text(of: self) }
}
