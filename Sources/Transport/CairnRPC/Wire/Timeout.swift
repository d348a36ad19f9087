/// `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Requests", `Timeout`).
package enum Timeout {
    /// Parses; `nil` if the text isn't a timeout.
    package static func parse(_ text: some Collection<UInt8>) -> Duration? {
        guard (2...9).contains(text.count), let unit = text.dropFirst(text.count - 1).first else { return nil }
        var value: Int64 = 0
        for digit in text.dropLast() {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        switch unit {
        case UInt8(ascii: "H"): return .seconds(value * 3600)
        case UInt8(ascii: "M"): return .seconds(value * 60)
        case UInt8(ascii: "S"): return .seconds(value)
        case UInt8(ascii: "m"): return .milliseconds(value)
        case UInt8(ascii: "u"): return .microseconds(value)
        case UInt8(ascii: "n"): return .nanoseconds(value)
        default: return nil
        }
    }

    /// The finest unit in which `duration` fits eight digits, rounded up so that the peer never gives up first;
    /// nothing and less become one nanosecond, as zero isn't a positive integer.
    package static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard duration > .zero else { return "1n" }
        let limit: Int64 = 99_999_999
        let subsecondNanos = (attoseconds + 999_999_999) / 1_000_000_000
        if seconds == 0, subsecondNanos <= limit { return "\(max(1, subsecondNanos))n" }
        if seconds < 100 {
            let micros = seconds * 1_000_000 + (subsecondNanos + 999) / 1_000
            if micros <= limit { return "\(micros)u" }
        }
        if seconds < 100_000 {
            let millis = seconds * 1_000 + (subsecondNanos + 999_999) / 1_000_000
            if millis <= limit { return "\(millis)m" }
        }
        let whole = attoseconds > 0 ? seconds + 1 : seconds
        if whole <= limit { return "\(whole)S" }
        let minutes = whole / 60 + 1
        if minutes <= limit { return "\(minutes)M" }
        return "\(min(limit, whole / 3600 + 1))H"
    }
}
