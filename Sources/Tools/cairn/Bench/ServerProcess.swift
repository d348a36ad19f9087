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

    /// The CPU time that it and the processes it has started have used, those that have ended included; `nil` if it
    /// can't be read.
    var cpuTimeWithChildren: Duration? {
        guard let own = familyTicks else { return nil }
        var children: [Int32: [ServerProcess]] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(name) else { continue }
            let process = ServerProcess(pid: pid)
            if let parent = process.parent { children[parent, default: []].append(process) }
        }
        var ticks = own
        var rest = children[pid] ?? []
        while let process = rest.popLast() {
            ticks += process.familyTicks ?? 0
            rest += children[process.pid] ?? []
        }
        return ServerProcess.duration(ofTicks: ticks)
    }

    /// The ticks that it has used, and those of its children that have ended.
    private var familyTicks: Int64? {
        guard let fields = statFields, fields.count > 14 else { return nil }
        return fields[11...14].reduce(0) { $0 + (Int64($1) ?? 0) }
    }

    private var parent: Int32? { statFields.flatMap { $0.count > 1 ? Int32($0[1]) : nil } }

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
