internal import Foundation

/// What the operating system knows of this process: processor time, memory, descriptors, threads.
///
/// Read from `/proc`, so there is nothing of it where that isn't, as on macOS.
enum ProcessMetrics {
    /// The metrics, under the names that Prometheus's own clients use.
    static func families() -> [MetricFamily] {
        let stat = ProcessStat(line: text("/proc/self/stat"))
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        var values: [(String, MetricFamily.Kind, Double?)] = [
            ("process_cpu_seconds_total", .counter, stat.map { Double($0.cpuTicks) / ticks }),
            ("process_resident_memory_bytes", .gauge, stat.map { Double($0.residentPages) * page }),
            ("process_virtual_memory_bytes", .gauge, stat.map { Double($0.virtualBytes) }),
            ("process_threads", .gauge, stat.map { Double($0.threads) }),
            ("process_open_fds", .gauge, openDescriptors),
            ("process_max_fds", .gauge, maxDescriptors),
        ]
        if let stat, let boot = bootTime {
            values.append(("process_start_time_seconds", .gauge, boot + Double(stat.startTicks) / ticks))
        }
        return values.compactMap { name, kind, value in
            value.map { MetricFamily(name, help: MetricTable.help(of: name), kind, $0) }
        }
    }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static var openDescriptors: Double? {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { Double($0.count) }
    }

    private static var maxDescriptors: Double? {
        let line = text("/proc/self/limits").split(separator: "\n").first { $0.hasPrefix("Max open files") }
        return line?.split(separator: " ").compactMap { Double($0) }.first
    }

    /// When the machine started, in seconds since 1970.
    private static var bootTime: Double? {
        let line = text("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line?.split(separator: " ").last.flatMap { Double($0) }
    }
}

/// The fields that we need of Linux's `/proc/PID/stat`.
package struct ProcessStat: Equatable {
    package var cpuTicks: Int
    package var threads: Int
    package var startTicks: Int
    package var virtualBytes: Int
    package var residentPages: Int

    /// Reads the line; `nil` if it isn't one. See proc(5): the command's name is in brackets and may hold anything.
    package init?(line: String) {
        guard let bracket = line.lastIndex(of: ")") else { return nil }
        // The first of these is field 3.
        let fields = line[line.index(after: bracket)...].split(whereSeparator: \.isWhitespace)
        func field(_ number: Int) -> Int? { number - 3 < fields.count ? Int(fields[number - 3]) : nil }
        guard let user = field(14), let system = field(15), let threads = field(20), let start = field(22),
            let virtual = field(23), let resident = field(24)
        else { return nil }
        cpuTicks = user + system
        self.threads = threads
        startTicks = start
        virtualBytes = virtual
        residentPages = resident
    }
}
