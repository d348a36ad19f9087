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
        let peer: any BenchPeer
        let executor: any TaskExecutor
        let latencies = LatencyRecorder()
    }

    /// What one client does, again and again.
    typealias Operation = @Sendable (Line, inout BenchGenerator) async throws -> Void

    let target: BenchTarget
    let lines: [Line]
    /// A connection to the replica that is watched, if that isn't the one that is written to.
    let watchPeer: (any BenchPeer)?

    init(_ target: BenchTarget, connections: Int, loops: [RPCEventLoops]) async throws {
        self.target = target
        var lines: [Line] = []
        for index in 0..<connections {
            let loop = loops[index % loops.count]
            guard let executor = loop.taskExecutors.first else {
                throw StoreError(.internal, "an event loop has no executor")
            }
            lines.append(Line(peer: try await target.connect(to: target.address, on: loop), executor: executor))
        }
        self.lines = lines
        // On the loop of the first line, where the watch's task runs.
        if let address = target.watchAddress {
            watchPeer = try await target.connect(to: address, on: loops[0])
        } else {
            watchPeer = nil
        }
    }

    func close() async {
        for line in lines { await line.peer.close() }
        await watchPeer?.close()
    }

    /// Runs `operation` on `clients` clients, and measures it once it has run for the time to warm up.
    ///
    /// - Parameter isTimedByCall: whether an operation's latency is noted here, as the time until it returns.
    func measure(
        clients: Int, timing: Timing, isTimedByCall: Bool = true, operation: @escaping Operation
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
                        if timing.pause > .zero { try await Task.sleep(for: timing.pause) }
                    }
                }
            }
            let watched = lines
            let target = target
            let sample = Mutex<BenchSample?>(nil)
            group.addTask {
                try await Task.sleep(for: timing.warmUp)
                let stopwatch = BenchStopwatch(target)
                _ = BenchRig.takeLatencies(of: watched)
                try await Task.sleep(for: timing.duration)
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

    /// Sets the keys from `start` on, `batch` a call, and measures that.
    func load(_ data: BenchData, from start: Int, batch: Int, clients: Int) async throws -> BenchSample {
        let calls = BenchCounter()
        let callCount = (data.keyCount - start + batch - 1) / batch
        let stopwatch = BenchStopwatch(target)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<clients {
                let line = lines[number % lines.count]
                group.addTask(executorPreference: line.executor) {
                    var generator = BenchGenerator(seed: -1 - number)
                    while true {
                        let call = calls.next()
                        guard call < callCount else { return }
                        let first = start + call * batch
                        let keys = first..<min(first + batch, data.keyCount)
                        let pairs = keys.map { (key: data.key($0), value: data.value(&generator)) }
                        let sentAt = ContinuousClock.now
                        try await line.peer.put(pairs)
                        line.latencies.record(ContinuousClock.now - sentAt)
                    }
                }
            }
            try await group.waitForAll()
        }
        return stopwatch.stop(operations: data.keyCount - start, latencies: BenchRig.takeLatencies(of: lines))
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
