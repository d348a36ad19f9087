import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSnapshots
import CairnTestSupport
import Foundation
import Synchronization
import Testing

/// How long a write takes at most while snapshots are made. Measures, and expects nothing of the time, so it only runs
/// when it is asked for: `CAIRN_STALL_KEYS=1000000 swift test -c release --filter StallMeasurement`.
@Suite("Snapshots: the longest write")
struct StallMeasurement {
    private static let keys = ProcessInfo.processInfo.environment["CAIRN_STALL_KEYS"].flatMap { Int($0) } ?? 0

    @Test("is printed, without snapshots and with them", .enabled(if: keys > 0, "asked for with CAIRN_STALL_KEYS"))
    func longestWrite() async throws {
        let engine = MemoryEngine()
        let driver = EngineDriver(engine)
        for start in stride(from: 0, to: StallMeasurement.keys, by: 500) {
            let sets = (start..<start + 500).map { Operation.set(StallMeasurement.key($0), StallMeasurement.value) }
            _ = try driver.commit([Transaction(then: sets)], at: History.start)
        }
        let folder = try TemporaryFolder()
        let store = try FileSnapshots(folder: folder.path)
        let alone = try StallMeasurement.write(on: engine) { $0 < 200_000 }
        let isDone = Atomic<Bool>(false)
        let snapshots = Task.detached {
            defer { isDone.store(true, ordering: .releasing) }
            return try (0..<3).map { number in
                let start = ContinuousClock.now
                let name = SnapshotName(server: "test", time: anyName.time + .seconds(number))
                let bytes = try store.keep(engine, as: name)
                return "\(bytes) bytes in \(start.duration(to: .now))"
            }
        }
        let beside = try StallMeasurement.write(on: engine) { _ in !isDone.load(ordering: .acquiring) }
        print("snapshots of \(StallMeasurement.keys) keys: \(try await snapshots.value)")
        print("longest writes alone:       \(alone)")
        print("longest writes beside them: \(beside)")
    }

    private static let value = Value(bytes: [UInt8](repeating: 7, count: 100))

    private static func key(_ number: Int) -> Key {
        let digits = String(number)
        return Key(String(repeating: "0", count: 16 - digits.count) + digits)
    }

    /// Writes random keys, one a batch, and returns how many and the longest times: by the clock, and of the processor
    /// alone, which is what is left of a stall when the machine has other things to do.
    private static func write(on engine: MemoryEngine, while goesOn: (Int) -> Bool) throws -> String {
        let driver = EngineDriver(engine)
        var random = SeededGenerator(seed: 1)
        var times: [Double] = []
        var processorTimes: [Double] = []
        while goesOn(times.count) {
            let transaction = Transaction(then: [.set(key(random.below(keys)), value)])
            let (start, processorStart) = (ContinuousClock.now, processorTime())
            _ = try driver.commit([transaction], at: History.start)
            processorTimes.append(processorTime() - processorStart)
            times.append(start.duration(to: .now) / .microseconds(1))
        }
        return "\(times.count) writes; by the clock \(longest(times)); of the processor \(longest(processorTimes))"
    }

    private static func longest(_ times: [Double]) -> String {
        let times = times.sorted(by: >).map { Int($0) }
        return "\(times.prefix(5)) µs, median \(times[times.count / 2]), 99.9 % within \(times[times.count / 1_000])"
    }

    /// What this thread has used of the processor, in microseconds.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
    }
}
