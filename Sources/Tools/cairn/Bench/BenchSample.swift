import Foundation
import Histogram

/// What was measured of one target, one workload and one number of clients: in one round, or in several put together.
struct BenchSample: Sendable {
    var operations: Int
    var seconds: Double
    /// In microseconds.
    var latencies: Histogram<UInt64>
    /// The CPU time of the server, in seconds, if its process is known.
    var serverCPU: Double?
    /// The CPU time of the database below the server, in seconds, if its process is known.
    var databaseCPU: Double?
    /// The CPU time of this process.
    var clientCPU: Double
    /// The memory of the server afterwards.
    var residentBytes: Int64?
    /// The rate of each round.
    var rates: [Double]

    /// Operations a second.
    var rate: Double { seconds > 0 ? Double(operations) / seconds : 0 }
    /// Microseconds of the server's CPU for an operation.
    var serverCPUPerOperation: Double? { serverCPU.map { $0 * 1e6 / Double(max(1, operations)) } }
    /// Microseconds of the database's CPU for an operation.
    var databaseCPUPerOperation: Double? { databaseCPU.map { $0 * 1e6 / Double(max(1, operations)) } }
    /// Microseconds of this process's CPU for an operation.
    var clientCPUPerOperation: Double { clientCPU * 1e6 / Double(max(1, operations)) }

    /// Adds another round.
    mutating func add(_ other: BenchSample) {
        operations += other.operations
        seconds += other.seconds
        latencies.add(other.latencies)
        serverCPU = serverCPU.flatMap { mine in other.serverCPU.map { mine + $0 } }
        databaseCPU = databaseCPU.flatMap { mine in other.databaseCPU.map { mine + $0 } }
        clientCPU += other.clientCPU
        residentBytes = other.residentBytes
        rates += other.rates
    }
}

/// Reads the clocks and counters at the start of a measurement, and makes a sample of what they say at its end.
struct BenchStopwatch {
    private let process: ServerProcess?
    private let database: ServerProcess?
    private let startedAt: ContinuousClock.Instant
    private let serverCPU: Duration?
    private let databaseCPU: Duration?
    private let clientCPU: Double

    /// Starts; without a target it measures this process alone.
    init(_ target: BenchTarget?) {
        process = target?.process
        database = target?.database
        // First, because it takes longest: it looks at every process of the machine.
        databaseCPU = database?.cpuTimeWithChildren
        startedAt = .now
        serverCPU = process?.cpuTime
        clientCPU = BenchStopwatch.ownCPU
    }

    /// The sample of `operations`, or of as many as there are latencies.
    func stop(operations: Int? = nil, latencies: Histogram<UInt64>) -> BenchSample {
        let seconds = (ContinuousClock.now - startedAt) / .seconds(1)
        let count = operations ?? Int(latencies.totalCount)
        let used = process?.cpuTime.flatMap { end in serverCPU.map { (end - $0) / .seconds(1) } }
        let below = database?.cpuTimeWithChildren.flatMap { end in databaseCPU.map { (end - $0) / .seconds(1) } }
        return BenchSample(
            operations: count, seconds: seconds, latencies: latencies, serverCPU: used, databaseCPU: below,
            clientCPU: BenchStopwatch.ownCPU - clientCPU, residentBytes: process?.residentBytes,
            rates: [Double(count) / seconds])
    }

    private static var ownCPU: Double { (ServerProcess(pid: getpid()).cpuTime ?? .zero) / .seconds(1) }
}
