import Foundation

/// What the kernel knows of a server's process (Linux's `/proc`).
struct ServerProcess: Sendable {
    let pid: Int32

    /// The CPU time that all of its threads have used, or `nil` if it can't be read.
    var cpuTime: Duration? {
        guard let fields = statFields, fields.count > 14, let user = Int64(fields[11]), let system = Int64(fields[12])
        else { return nil }
        return ServerProcess.duration(ofTicks: user + system)
    }

    /// How long it has been running, to a hundredth of a second.
    var age: Duration? {
        guard let fields = statFields, fields.count > 19, let start = Int64(fields[19]),
            let uptime = text(of: "/proc/uptime")?.split(separator: " ").first.flatMap({ Double($0) })
        else { return nil }
        return .seconds(uptime) - ServerProcess.duration(ofTicks: start)
    }

    /// The memory that it occupies, in bytes.
    var residentBytes: Int64? {
        guard
            let line = text(of: "/proc/\(pid)/status")?.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") })
        else { return nil }
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int64($0) }.map { $0 * 1_024 }
    }

    /// The fields of `/proc/PID/stat` from the third on: the second is the program's name, which may have spaces in it.
    private var statFields: [Substring]? {
        guard let stat = text(of: "/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        return stat[stat.index(after: end)...].split(separator: " ")
    }

    private func text(of path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func duration(ofTicks ticks: Int64) -> Duration {
        .microseconds(ticks * 1_000_000 / Int64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
    }
}
