internal import Foundation

/// What the operating system knows of one thread of this process (Linux's `/proc/self/task`).
package struct ThreadFigures: Encodable, Equatable {
    /// The thread's number.
    package var id: Int
    /// Its name, of at most 15 characters; threads without one are called as the program is.
    package var name: String
    /// What it does: `running`, `sleeping`, `waiting` (for a disk), or the letter of proc(5).
    package var state: String
    /// Processor time in its own code, in seconds.
    package var userSeconds: Double
    /// Processor time in the kernel, in seconds.
    package var systemSeconds: Double

    /// Reads a line of `/proc/self/task/ID/stat`; `nil` if it isn't one.
    package init?(line: String, ticksPerSecond: Double) {
        guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")"), open < close,
            let id = Int(line[..<open].trimmingCharacters(in: .whitespaces))
        else { return nil }
        // The first of these is field 3.
        let fields = line[line.index(after: close)...].split(whereSeparator: \.isWhitespace)
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        self.id = id
        name = String(line[line.index(after: open)..<close])
        state = ThreadFigures.words[fields[0]] ?? String(fields[0])
        userSeconds = user / ticksPerSecond
        systemSeconds = system / ticksPerSecond
    }

    private static let words: [Substring: String] = ["R": "running", "S": "sleeping", "D": "waiting"]

    /// Every thread of this process, by its number; none where there is no `/proc`. Blocks for a moment.
    static var all: [ThreadFigures] {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        let folder = "/proc/self/task"
        let ids = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return ids.compactMap { id -> ThreadFigures? in
            // A thread may have ended since.
            guard let line = FileManager.default.contents(atPath: "\(folder)/\(id)/stat") else { return nil }
            return ThreadFigures(line: String(decoding: line, as: UTF8.self), ticksPerSecond: ticks)
        }.sorted { $0.id < $1.id }
    }
}

/// What the threads of this process have done for some seconds, the busiest first.
package struct ThreadProfile: Encodable, Equatable {
    /// One thread.
    package struct Line: Encodable, Equatable {
        package var id: Int
        package var name: String
        /// Processor time in its own code, in seconds.
        package var userSeconds: Double
        /// Processor time in the kernel, in seconds.
        package var systemSeconds: Double
        /// Both together, in hundredths of one processor.
        package var percent: Double
    }

    /// For how long they were watched.
    package var seconds: Int
    /// Both kinds of time of all threads, in seconds.
    package var cpuSeconds = 0.0
    package var threads: [Line] = []

    /// A profile of these threads.
    package init(seconds: Int, threads: [Line]) {
        self.seconds = seconds
        self.threads = threads
    }

    /// The difference between two readings. A thread that has begun meanwhile counts from its beginning; one that has
    /// ended is left out.
    package init(from before: [ThreadFigures], to after: [ThreadFigures], seconds: Int) {
        let known = Dictionary(before.map { ($0.id, $0) }) { first, _ in first }
        let lines = after.map { thread -> Line in
            let (user, system) = known[thread.id].map { ($0.userSeconds, $0.systemSeconds) } ?? (0, 0)
            let spent = (user: max(0, thread.userSeconds - user), system: max(0, thread.systemSeconds - system))
            return Line(
                id: thread.id, name: thread.name, userSeconds: ThreadProfile.rounded(spent.user),
                systemSeconds: ThreadProfile.rounded(spent.system),
                percent: ThreadProfile.rounded((spent.user + spent.system) * 100 / Double(seconds)))
        }
        self.init(seconds: seconds, threads: lines.sorted { ($1.percent, $0.id) < ($0.percent, $1.id) })
        cpuSeconds = ThreadProfile.rounded(lines.reduce(0) { $0 + $1.userSeconds + $1.systemSeconds })
    }

    private static func rounded(_ number: Double) -> Double { (number * 100).rounded() / 100 }
}
