import CairnMemory
import CairnModel
import CairnTestWaits
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

    @Test func whileOneAsksTheOthersGather() async throws {
        let engine = RecallingEngine(known: ["a": "1", "b": nil])
        let queue = ReadQueue(engine: engine)
        async let first = queue.record("a")
        try await engine.waitUntilAsked()
        async let more: [Record?] = withThrowingTaskGroup(of: Record?.self) { group in
            for key in ["a", "b", "c", "c", "stored"] as [Key] { group.addTask { try await queue.record(key) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        // All five wait, and nobody was woken for them.
        try await eventually("all five wait") { queue.waiting == 5 }
        engine.answer(times: 2)
        #expect(try await first?.value == "1")
        #expect(
            try await more.compactMap { $0?.value }.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) } == [
                "1", "2",
            ])
        #expect(engine.asked.map(\.count) == [1, 5])
        // Only what isn't known is looked up.
        #expect(engine.lookedUp.flatMap(\.self).sorted() == ["c", "c", "stored"])
        await queue.close()
    }

    @Test func aFailedQuestionFailsAllWhoAsked() async throws {
        let engine = RecallingEngine(known: [:])
        let queue = ReadQueue(engine: engine)
        engine.fail()
        engine.answer(times: 1)
        let error = await #expect(throws: StoreError.self) { _ = try await queue.record("a") }
        #expect(error?.code == .unavailable)
        // And the next one asks again.
        engine.answer(times: 1)
        #expect(try await queue.record("a") == nil)
        await queue.close()
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

/// A memory engine that knows some keys, and answers the question for them when it is told to.
private final class RecallingEngine: Engine {
    private struct State {
        var asked: [[Key]] = []
        var lookedUp: [[Key]] = []
        var fails = false
    }

    private let base = MemoryEngine()
    private let known: [Key: Value?]
    private let state = Mutex(State())
    private let gate = Gate()
    let name = "recalling"
    let blocks = true
    let recalls = true
    let readers = 3

    init(known: [Key: Value?]) {
        self.known = known
    }

    var capabilities: Capabilities { base.capabilities }
    var asked: [[Key]] { state.withLock { $0.asked } }
    var lookedUp: [[Key]] { state.withLock { $0.lookedUp } }

    func waitUntilAsked() async throws { try await eventually("the engine is asked") { !asked.isEmpty } }
    func answer(times: Int) { for _ in 0..<times { gate.open() } }
    func fail() { state.withLock { $0.fails = true } }

    func recall(_ keys: [Key]) throws(StoreError) -> [ReadyRecord?] {
        let fails = state.withLock { state in
            state.asked.append(keys)
            defer { state.fails = false }
            return state.fails
        }
        guard gate.passes() else { throw StoreError(.unavailable, "the test never answered") }
        if fails { throw StoreError(.unavailable, "nobody answers", retry: .safe) }
        return keys.map { key in known[key].map { $0.map { .record(.made(key, $0)) } ?? .absent } }
    }

    func lookUp(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        state.withLock { $0.lookedUp.append(keys) }
        return keys.contains("stored") ? ["stored": .made("stored", "2")] : [:]
    }

    func readyRecord(_ key: Key) -> ReadyRecord? { nil }
    func read<Result>(_ body: (any EngineView) throws(StoreError) -> Result) throws(StoreError) -> Result {
        try base.read(body)
    }
    func commit(_ decide: (any EngineView) throws(StoreError) -> Changes?) throws(StoreError) {
        try base.commit(decide)
    }
    func trim() throws(StoreError) -> Bool { false }
    func mayHaveForeignChanges(since ref: Ref) -> Bool { false }
    func backup(toFile path: String) throws(StoreError) {}
    func close() {}
}

extension Record {
    fileprivate static func made(_ key: Key, _ value: Value) -> Record {
        Record(
            key: key, value: value, version: 1, createdVersion: 1, createdRef: 1, updatedRef: 1, deletedRef: nil,
            leaseID: 0)
    }
}
