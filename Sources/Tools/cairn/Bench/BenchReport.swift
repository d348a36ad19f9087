import CairnModel
import Foundation
import Histogram

/// Prints what was measured: a table for people, or one JSON object a line; into a file too, if asked.
struct BenchReport {
    /// One measurement beside the reference's.
    struct Line: Encodable {
        var workload: String
        var clients: Int
        var target: String
        /// Operations a second.
        var rate: Double
        /// The rates of the rounds, which show how steady it was.
        var rates: [Double]
        var p50Us: UInt64
        var p99Us: UInt64
        var serverCpuUs: Double?
        /// The CPU of the database below the server, for an operation.
        var databaseCpuUs: Double?
        var clientCpuUs: Double
        var residentBytes: Int64?
        var reference: String?
        /// This rate, divided by the reference's.
        var rateRatio: Double?
        /// This server CPU per operation, divided by the reference's.
        var serverCpuRatio: Double?
    }

    let asJSON: Bool
    /// Whether the table has a column for databases.
    private let showsDatabase: Bool
    /// Where the JSON goes besides; what is there already stays.
    private let file: FileHandle?

    init(asJSON: Bool, showsDatabase: Bool, file path: String?) throws(StoreError) {
        self.asJSON = asJSON
        self.showsDatabase = showsDatabase
        file = try path.map { (path) throws(StoreError) in
            // The file may be there already; whether it can be written shows when it is opened.
            if !FileManager.default.fileExists(atPath: path) {
                _ = FileManager.default.createFile(atPath: path, contents: nil)
            }
            guard let file = FileHandle(forUpdatingAtPath: path) else {
                throw StoreError(.invalidArgument, "can't write \(path)")
            }
            return file
        }
    }

    private static let columns = [
        ("workload", 8), ("clients", 7), ("target", 14), ("rate/s", 9), ("p50 µs", 8), ("p99 µs", 8), ("CPU µs/op", 9),
        ("DB µs/op", 8), ("load µs/op", 10), ("MB", 6), ("× rate", 7), ("× CPU", 7),
    ]

    func printHeading() {
        guard !asJSON else { return }
        Terminal.print(Terminal.styled(row(BenchReport.columns.map(\.0)), .dim))
    }

    /// Prints the samples of one workload and one number of clients, one for each target, in their order.
    func print(
        _ workload: Workload, clients: Int, _ samples: [(target: BenchTarget, sample: BenchSample)], reference: Int?
    ) {
        for (index, entry) in samples.enumerated() {
            let other = reference.flatMap { $0 != index && samples.indices.contains($0) ? samples[$0] : nil }
            let line = BenchReport.line(workload, clients: clients, entry, beside: other)
            if let file {
                _ = try? file.seekToEnd()
                file.write(JSONLines.bytes(of: line))
            }
            if asJSON { JSONLines.print(line) } else { Terminal.print(row(BenchReport.cells(of: line))) }
        }
    }

    private static func line(
        _ workload: Workload, clients: Int, _ entry: (target: BenchTarget, sample: BenchSample),
        beside other: (target: BenchTarget, sample: BenchSample)?
    ) -> Line {
        let sample = entry.sample
        return Line(
            workload: workload.rawValue, clients: clients, target: entry.target.name, rate: rounded(sample.rate),
            rates: sample.rates.map(rounded), p50Us: sample.latencies.valueAtPercentile(50),
            p99Us: sample.latencies.valueAtPercentile(99), serverCpuUs: sample.serverCPUPerOperation.map(rounded),
            databaseCpuUs: sample.databaseCPUPerOperation.map(rounded),
            clientCpuUs: rounded(sample.clientCPUPerOperation), residentBytes: sample.residentBytes,
            reference: other?.target.name,
            rateRatio: other.map { rounded(sample.rate / max($0.sample.rate, 1e-9)) },
            serverCpuRatio: other?.sample.serverCPUPerOperation.flatMap { theirs in
                sample.serverCPUPerOperation.map { rounded($0 / max(theirs, 1e-9)) }
            })
    }

    private static func cells(of line: Line) -> [String] {
        [
            line.workload, String(line.clients), line.target, text(line.rate, digits: 0), String(line.p50Us),
            String(line.p99Us), text(line.serverCpuUs, digits: 1), text(line.databaseCpuUs, digits: 1),
            text(line.clientCpuUs, digits: 1),
            line.residentBytes.map { String($0 >> 20) } ?? "-", text(line.rateRatio, digits: 2),
            text(line.serverCpuRatio, digits: 2),
        ]
    }

    private func row(_ cells: [String]) -> String {
        zip(cells, BenchReport.columns).enumerated().compactMap { index, cell in
            if cell.1.0 == "DB µs/op", !showsDatabase { return nil }
            let padding = String(repeating: " ", count: max(0, cell.1.1 - cell.0.count))
            // Names on the left, numbers on the right.
            return index == 0 || index == 2 ? cell.0 + padding : padding + cell.0
        }.joined(separator: "  ")
    }

    private static func text(_ number: Double?, digits: Int) -> String {
        number.map { String(format: "%.\(digits)f", $0) } ?? "-"
    }

    private static func rounded(_ number: Double) -> Double { (number * 1_000).rounded() / 1_000 }
}
