import CairnMemory
import CairnModel
import Dispatch
import Synchronization
import Testing

@testable import CairnKeyspace

/// Who reads, and who is woken for it.
@Suite(.timeLimit(.minutes(10)))
struct ReadQueueTests {
    /// For calls that mutate, which `#expect` can't hold.
    private func expect(_ expected: Int?, _ actual: Int?, at location: SourceLocation = #_sourceLocation) {
        #expect(actual == expected, sourceLocation: location)
    }

    @Test func onePieceOfWorkWakesOneReader() {
        var readers = IdleReaders(count: 3)
        expect(nil, readers.next(for: 0))
        expect(0, readers.next(for: 1))
        // It has not looked yet, and may take this too.
        expect(nil, readers.next(for: 2))
        readers.didWake()
        // It has taken one, and one is left.
        expect(1, readers.next(for: 1))
        readers.didWake()
        expect(nil, readers.next(for: 0))
    }

    @Test func whoSleptLeastIsWokenFirst() {
        var readers = IdleReaders(count: 3)
        for reader in 0..<3 {
            expect(reader, readers.next(for: 1))
            readers.didWake()
        }
        expect(nil, readers.next(for: 1))
        readers.didRunDry(1)
        readers.didRunDry(2)
        expect(2, readers.next(for: 1))
        readers.didWake()
        expect(1, readers.next(for: 1))
    }

    @Test func asManyReadAsThereIsWorkFor() async throws {
        let queue = ReadQueue(engine: ScriptedEngine(readers: 4))
        for _ in 0..<50 {
            // Each call ends only when all four have begun, and so needs a thread of its own.
            let meeting = Meeting(of: 4)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await queue.call { () throws(StoreError) in try meeting.attend() } }
                }
                try await group.waitForAll()
            }
        }
        await queue.close()
    }

    @Test func everyLookupIsAnswered() async throws {
        let engine = ScriptedEngine(readers: 3)
        let queue = ReadQueue(engine: engine)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for number in 0..<500 {
                        let record = try await queue.record(Key("k/\(task)/\(number)"))
                        #expect(record == nil)
                    }
                }
            }
            try await group.waitForAll()
        }
        await queue.close()
        await #expect(throws: StoreError.self) { _ = try await queue.record(Key("late")) }
    }
}

/// Threads that wait until all of them are there.
private final class Meeting: Sendable {
    private let missing: Mutex<Int>
    private let size: Int
    private let isComplete = DispatchSemaphore(value: 0)

    init(of size: Int) {
        self.size = size
        missing = Mutex(size)
    }

    /// Throws when the others don't come.
    func attend() throws(StoreError) {
        let isLast = missing.withLock { missing in
            missing -= 1
            return missing == 0
        }
        if isLast {
            for _ in 1..<size { isComplete.signal() }
        } else if isComplete.wait(timeout: .now() + 20) == .timedOut {
            throw StoreError(.deadlineExceeded, "a call had no thread to read on")
        }
    }
}
