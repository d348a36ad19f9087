import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Dispatch
import Foundation
import Testing

@Suite("memory: readers beside a batch", .timeLimit(.minutes(10)))
struct ReadersTests {
    /// Reads on another thread, and returns what it found; `nil` if it had to wait.
    private func read(_ key: Key, of engine: MemoryEngine) -> (found: Bool, keys: Int)? {
        final class Answer: @unchecked Sendable {
            // Unchecked: written before the signal, read after it.
            var value: (found: Bool, keys: Int)?
        }
        let answer = Answer()
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            var found = false
            if case .record = engine.readyRecord(key) { found = true }
            let keys = try? engine.read { (view) throws(StoreError) in
                try view.records(in: .all, limit: .max, bytes: .max, keysOnly: true).count
            }
            answer.value = keys.map { (found, $0) }
            ended.signal()
        }
        // Far longer than it takes, and only if it waits for the batch, which waits for it.
        return ended.wait(timeout: .now() + 60) == .success ? answer.value : nil
    }

    @Test("while a batch is decided others read, and see the state before it", arguments: [0, 2_048])
    func beside(eventsInPlace: Int) throws {
        let engine = MemoryEngine(eventsInPlace: eventsInPlace)
        let driver = EngineDriver(engine)
        let now = Timestamp(microseconds: 1)
        _ = try driver.commit([Transaction(then: [.set("a", "1")])], at: now)
        try engine.commit { (view) throws(StoreError) in
            var batch = try Batch(view: view, now: now, limits: .standard)
            _ = try batch.decide([Transaction(then: [.set("a", "2"), .set("b", "1")])])
            let seen = read("b", of: engine)
            #expect(seen?.found == false)
            #expect(seen?.keys == 1)
            return batch.changes
        }
        let seen = read("b", of: engine)
        #expect(seen?.found == true)
        #expect(seen?.keys == 2)
    }

    @Test("a reader sees all of a batch or nothing, also of one that is stored in a copy", arguments: [0, 2_048])
    func wholeBatches(eventsInPlace: Int) async throws {
        let engine = MemoryEngine(eventsInPlace: eventsInPlace)
        let driver = EngineDriver(engine)
        let now = Timestamp(microseconds: 1)
        let keys = (0..<100).map { Key("k\($0)") }
        _ = try driver.commit([Transaction(then: keys.map { .set($0, Value("0")) })], at: now)
        let reader = Task.detached {
            var last = Ref.zero
            while last.rawValue < 100 * 100 {
                let values = try engine.read { (view) throws(StoreError) in
                    last = try view.head().lastRef
                    return Set(try view.records(in: .all, limit: .max, bytes: .max, keysOnly: false).map(\.value))
                }
                #expect(values.count == 1)
                await Task.yield()
            }
        }
        for number in 1..<100 {
            _ = try driver.commit([Transaction(then: keys.map { .set($0, Value("\(number)")) })], at: now)
        }
        try await reader.value
    }
}
