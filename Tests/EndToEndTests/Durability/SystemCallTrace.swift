import Foundation

/// What strace wrote of a process: its system calls in the order in which they began.
///
/// A line is `PID call(arguments) = result`. A call that another thread's interrupted is two: one that ends with
/// `<unfinished ...>`, and later `PID <... call resumed>rest`.
struct SystemCallTrace {
    struct Call {
        var name: String
        /// The arguments as strace writes them: descriptors with what they are, and data as quoted text.
        var text: String
        /// The lines on which it began and ended; `Int.max` if it never did.
        var start: Int
        var end: Int
        var hasSucceeded: Bool

        /// Whether it is about the write-ahead log of a SQLite file.
        var isOnLog: Bool { text.contains("-wal>") }
        /// Whether it is about a TCP connection.
        var isOnSocket: Bool { text.contains("<TCP") || text.contains("<socket:") }
        /// Whether it makes what was written durable.
        var isSync: Bool { name == "fsync" || name == "fdatasync" }
    }

    private(set) var calls: [Call] = []

    init(_ text: String) {
        var open: [Substring: Int] = [:]
        for (number, line) in text.split(separator: "\n").enumerated() {
            guard let space = line.firstIndex(of: " ") else { continue }
            let thread = line[..<space]
            let rest = line[space...].drop { $0 == " " }
            if rest.hasPrefix("<... ") {
                guard let index = open.removeValue(forKey: thread) else { continue }
                calls[index].text += rest
                calls[index].end = number
                calls[index].hasSucceeded = SystemCallTrace.hasSucceeded(rest)
            } else if let bracket = rest.firstIndex(of: "("),
                rest[..<bracket].allSatisfy({ $0.isLetter || $0.isNumber })
            {
                let isUnfinished = rest.hasSuffix("<unfinished ...>")
                if isUnfinished { open[thread] = calls.count }
                calls.append(
                    Call(
                        name: String(rest[..<bracket]), text: String(rest), start: number,
                        end: isUnfinished ? .max : number, hasSucceeded: SystemCallTrace.hasSucceeded(rest)))
            }
        }
    }

    /// Says what is wrong with how the value of `marker` was made durable before it was acknowledged; `nil` if
    /// nothing is.
    ///
    /// The log's first write that holds the marker must have ended before a sync of the log began, and that sync must
    /// have succeeded and ended before the first write to a connection that holds the marker began.
    func problem(with marker: String) -> String? {
        guard let written = calls.first(where: { $0.isOnLog && !$0.isSync && $0.text.contains(marker) }) else {
            return "\(marker) was never written to the log"
        }
        guard let answered = calls.first(where: { $0.isOnSocket && $0.text.contains(marker) }) else {
            return "\(marker) was never answered"
        }
        let isCovered = calls.contains { call in
            call.isSync && call.isOnLog && call.hasSucceeded && call.start > written.end && call.end < answered.start
        }
        guard isCovered else {
            return "\(marker) was written to the log on line \(written.end) of the trace and answered on line "
                + "\(answered.start), without a sync of the log between them"
        }
        return nil
    }

    private static func hasSucceeded(_ text: Substring) -> Bool {
        text.split(separator: " = ").last.map { !$0.hasPrefix("-1") && $0.first?.isNumber == true } ?? false
    }
}
