import CairnModel
import CairnRPC
import Foundation
import Histogram
import Synchronization

/// The connections to one target, and the clients that call over them.
///
/// A client is a task that calls, waits for the answer and calls again. It runs on the thread of its connection, so
/// that the load costs as little as possible of what the server could use.
struct BenchRig: Sendable {
    /// One connection.
    struct Line: Sendable {
        let client: RPCClient
        let executor: any TaskExecutor
        let latencies = LatencyRecorder()
    }

    /// What one client does, again and again.
    typealias Operation = @Sendable (Line, inout BenchGenerator) async throws -> Void

    let target: BenchTarget
    let peer: any BenchPeer
    let lines: [Line]

    init(_ target: BenchTarget, connections: Int, loops: [RPCEventLoops]) throws {
        self.target = target
        peer = target.peer
        lines = try (0..<connections).map { index in
            let loop = loops[index % loops.count]
            var configuration = RPCClientConfiguration(eventLoops: loop)
            configuration.userAgent = "cairn-bench"
            guard let executor = loop.taskExecutors.first else {
                throw StoreError(.internal, "an event loop has no executor")
            }
            let client = try RPCClient(target: RPCTarget(addresses: [target.address]), configuration: configuration)
            return Line(client: client, executor: executor)
        }
    }

    func close() async {
        for line in lines { await line.client.close() }
    }

    /// Runs `operation` on `clients` clients, and measures it for `duration` once it has run for `warmUp`.
    ///
    /// - Parameter isTimedByCall: whether an operation's latency is noted here, as the time until it returns.
    func measure(
        clients: Int, warmUp: Duration, duration: Duration, isTimedByCall: Bool = true, operation: @escaping Operation
    ) async throws -> BenchSample {
        let isOver = BenchFlag()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<clients {
                let line = lines[number % lines.count]
                group.addTask(executorPreference: line.executor) {
                    var generator = BenchGenerator(seed: number + 1)
                    while !isOver.isSet {
                        let start = ContinuousClock.now
                        try await operation(line, &generator)
                        if isTimedByCall { line.latencies.record(ContinuousClock.now - start) }
                    }
                }
            }
            let watched = lines
            let process = target.process
            let sample = Mutex<BenchSample?>(nil)
            group.addTask {
                try await Task.sleep(for: warmUp)
                _ = BenchRig.takeLatencies(of: watched)
                let stopwatch = BenchStopwatch(process)
                try await Task.sleep(for: duration)
                let measured = stopwatch.stop(latencies: BenchRig.takeLatencies(of: watched))
                sample.withLock { $0 = measured }
                isOver.set()
            }
            // The first failure ends the run.
            try await group.waitForAll()
            guard let sample = sample.withLock({ $0 }) else { throw CancellationError() }
            return sample
        }
    }

    /// Sets keys `0..<count`, `batch` a call, and measures that.
    func load(_ data: BenchData, batch: Int, clients: Int) async throws -> BenchSample {
        let calls = BenchCounter()
        let callCount = (data.keyCount + batch - 1) / batch
        let stopwatch = BenchStopwatch(target.process)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<clients {
                let line = lines[number % lines.count]
                group.addTask(executorPreference: line.executor) {
                    var generator = BenchGenerator(seed: -1 - number)
                    while true {
                        let call = calls.next()
                        guard call < callCount else { return }
                        let first = call * batch
                        let keys = first..<min(first + batch, data.keyCount)
                        let pairs = keys.map { (key: data.key($0), value: data.value(&generator)) }
                        let start = ContinuousClock.now
                        try await peer.put(pairs, over: line.client)
                        line.latencies.record(ContinuousClock.now - start)
                    }
                }
            }
            try await group.waitForAll()
        }
        return stopwatch.stop(operations: data.keyCount, latencies: BenchRig.takeLatencies(of: lines))
    }

    private static func takeLatencies(of lines: [Line]) -> Histogram<UInt64> {
        var all = LatencyRecorder().take()
        for line in lines { all.add(line.latencies.take()) }
        return all
    }
}

/// Something that happens once, seen from any thread.
final class BenchFlag: Sendable {
    private let state = Atomic<Bool>(false)

    var isSet: Bool { state.load(ordering: .relaxed) }

    func set() { state.store(true, ordering: .relaxed) }
}

/// Numbers from 0 on, each given once, to any thread.
private final class BenchCounter: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).oldValue }
}
