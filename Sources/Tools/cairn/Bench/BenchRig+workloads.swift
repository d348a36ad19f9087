import CairnModel
import CairnRPC
import Foundation

// What the clients do in each workload.
extension BenchRig {
    /// How long to warm up, and how long to measure.
    struct Timing: Sendable {
        var warmUp: Duration
        var duration: Duration
        /// How long each client waits after each call.
        var pause = Duration.zero
    }

    /// The keys that a page of a list has.
    static let listLimit = 1_000

    /// Runs a timed workload once.
    func run(_ workload: Workload, clients: Int, data: BenchData, timing: Timing) async throws -> BenchSample {
        if workload == .watch { return try await runWatch(clients: clients, data: data, timing: timing) }
        return try await measure(clients: clients, timing: timing, operation: operation(of: workload, data))
    }

    private func operation(of workload: Workload, _ data: BenchData) -> Operation {
        let put: Operation = { line, generator in
            let key = data.key(Int.random(in: 0..<data.keyCount, using: &generator))
            try await line.peer.put(key, data.value(&generator))
        }
        let get: Operation = { line, generator in
            let key = data.key(Int.random(in: 0..<data.keyCount, using: &generator))
            let count = try await line.peer.get(key)
            guard count == data.valueBytes else { throw BenchRig.wrongAnswer }
        }
        switch workload {
        case .put: return put
        case .mixed:
            return { line, generator in
                let isPut = Int.random(in: 0..<10, using: &generator) == 0
                try await (isPut ? put : get)(line, &generator)
            }
        case .list:
            let expected = min(data.keyCount, BenchRig.listLimit)
            return { line, _ in
                let count = try await line.peer.list(
                    from: data.key(0), to: BenchData.end, limit: BenchRig.listLimit)
                guard count == expected else { throw BenchRig.wrongAnswer }
            }
        default: return get
        }
    }

    private static let wrongAnswer = StoreError(
        .internal, "the server's answer is not what was loaded; does something else write below \(BenchData.prefix)?")

    /// One watch of all keys, while clients put; each value begins with the time at which it was put.
    private func runWatch(clients: Int, data: BenchData, timing: Timing) async throws -> BenchSample {
        let opened = BenchFlag()
        let line = lines[0]
        let watchPeer = watchPeer ?? line.peer
        let epoch = ContinuousClock.now
        let watch = Task(executorPreference: line.executor) {
            try await watchPeer.watch(from: data.key(0), to: BenchData.end, opened: opened.set) { value in
                let sentAt = value.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
                line.latencies.record(ContinuousClock.now - epoch - .nanoseconds(sentAt))
            }
        }
        defer { watch.cancel() }
        // A watch that can't be opened fails the puts' server too, so this ends.
        let limit = ContinuousClock.now + .seconds(10)
        while !opened.isSet {
            guard ContinuousClock.now < limit else {
                throw StoreError(.deadlineExceeded, "the watch was not opened in 10 s")
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        return try await measure(clients: clients, timing: timing, isTimedByCall: false) { line, generator in
            var value = data.value(&generator)
            let sentAt = Int64((ContinuousClock.now - epoch) / .nanoseconds(1))
            for index in 0..<8 {
                value[value.startIndex + index] = UInt8(truncatingIfNeeded: sentAt >> (56 - 8 * index))
            }
            let key = data.key(Int.random(in: 0..<data.keyCount, using: &generator))
            try await line.peer.put(key, value)
        }
    }

    /// Waits until the server answers a read; measured from the start of its process, if that is known.
    func waitUntilReady(_ data: BenchData, within limit: Duration) async throws -> BenchSample {
        let start = ContinuousClock.now
        let stopwatch = BenchStopwatch(nil)
        while true {
            do {
                _ = try await lines[0].peer.get(data.key(0))
                break
            } catch let error as RPCError {
                guard ContinuousClock.now - start < limit else { throw error }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        let time = target.process?.age ?? ContinuousClock.now - start
        lines[0].latencies.record(time)
        var sample = stopwatch.stop(latencies: lines[0].latencies.take())
        sample.seconds = time / .seconds(1)
        sample.rates = [sample.rate]
        sample.serverCPU = target.process?.cpuTime.map { $0 / .seconds(1) }
        sample.residentBytes = target.process?.residentBytes
        return sample
    }
}
