import CairnModel
import CairnTestSupport
import CairnTestWaits
import Logging
import Synchronization
import Testing

@testable import CairnKeyspace

/// Records what is sampled, and new traces if it is told to; its ids count from 1.
private final class RecordingTracer: Tracer {
    private let state = Mutex((spans: [TraceSpan](), nextID: UInt64(100)))
    private let beginsTraces: Bool

    init(beginsTraces: Bool = true) { self.beginsTraces = beginsTraces }

    var spans: [TraceSpan] { state.withLock { $0.spans } }

    func context(under parent: TraceContext?) -> TraceContext? {
        guard parent?.isSampled ?? beginsTraces else { return nil }
        return state.withLock { state in
            state.nextID += 1
            return TraceContext(
                traceIDHigh: parent?.traceIDHigh ?? 9, traceIDLow: parent?.traceIDLow ?? 9, spanID: state.nextID,
                isSampled: true)
        }
    }

    func record(_ span: TraceSpan) { state.withLock { $0.spans.append(span) } }
}

/// The spans of batches.
@Suite("Tracing: batches", .timeLimit(.minutes(10)))
struct BatchTracingTests {
    private func call(_ number: UInt64) -> TraceContext {
        TraceContext(traceIDHigh: number, traceIDLow: 0, spanID: number, isSampled: true)
    }

    private func committer(_ engine: ScriptedEngine, _ tracer: RecordingTracer) -> Committer {
        Committer(
            engine: engine, clock: ManualClock(), limits: .standard, hub: Hub(head: 0), nextDeadline: nil,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, tracer: tracer, deadlineMoved: { _ in })
    }

    private func set(_ key: Key, with committer: Committer, for call: TraceContext?) async throws {
        try await TraceContext.$current.withValue(call) {
            _ = try await committer.commit(Transaction(then: [.set(key, "1")]))
        }
    }

    @Test("a batch is a part of its first traced call, and linked to all that are traced")
    func linked() async throws {
        let (engine, tracer) = (ScriptedEngine(), RecordingTracer())
        let committer = committer(engine, tracer)
        engine.holdNextCommit()
        async let first: Void = set("first", with: committer, for: call(1))
        try await engine.waitUntilHeld()
        // One after the other, so that their order is known.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, call) in [nil, call(2), call(3)].enumerated() {
                group.addTask { try await set(Key("k\(number)"), with: committer, for: call) }
                try await eventually("\(number + 1) sets wait") { committer.waitingCount > number }
            }
            engine.release()
            try await group.waitForAll()
        }
        try await first
        await committer.close()
        let spans = tracer.spans
        try #require(spans.count == 2)
        #expect(spans[0].parent == call(1) && spans[0].links == [call(1)])
        #expect(spans[1].parent == call(2) && spans[1].links == [call(2), call(3)])
        #expect(spans[1].context.traceIDHigh == 2 && spans[1].name == "cairn.batch" && spans[1].failure == nil)
        let attributes = Dictionary(uniqueKeysWithValues: spans[1].attributes.map { ($0.name, $0.value) })
        #expect(attributes == ["cairn.batch.transactions": .number(3), "cairn.batch.events": .number(3)])
    }

    @Test("a batch of calls that aren't traced is none, even where new traces are begun")
    func untraced() async throws {
        let tracer = RecordingTracer()
        let committer = committer(ScriptedEngine(), tracer)
        try await set("k", with: committer, for: nil)
        await committer.sweep()
        await committer.close()
        #expect(tracer.spans.isEmpty)
    }

    @Test("a batch that could not be stored says why")
    func failed() async throws {
        let (engine, tracer) = (ScriptedEngine(), RecordingTracer())
        let committer = committer(engine, tracer)
        engine.refuse { _ in StoreError(.unavailable, "no") }
        await #expect(throws: StoreError.self) { try await set("k", with: committer, for: call(1)) }
        await committer.close()
        #expect(tracer.spans.map(\.failure) == [StoreError.Code.unavailable.rawValue])
    }
}
