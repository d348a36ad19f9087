internal import CairnModel
internal import Synchronization

/// Records a span for each batch that was written for a traced call, or for nobody, as when leases expire.
///
/// Used by whoever runs batches, one at a time; the mutex is never contended.
final class BatchTracing: Sendable {
    private struct State {
        var events = 0
        var failure: StoreError.Code?
    }

    private let tracer: any Tracer
    private let clock: any WallClock
    private let state = Mutex(State())

    init(_ tracer: any Tracer, clock: any WallClock) {
        self.tracer = tracer
        self.clock = clock
    }

    /// A batch begins now.
    func begin() -> Timestamp {
        state.withLock { $0 = State() }
        return clock.now()
    }

    /// Events have been stored.
    func stored(_ count: Int) { state.withLock { $0.events += count } }

    /// The batch could not be stored.
    func failed(_ code: StoreError.Code) { state.withLock { $0.failure = code } }

    /// The batch is over. It is a part of the first call that it was written for, and linked to all of them. A batch of
    /// calls that aren't traced is none either.
    func end(_ start: Timestamp, took duration: Duration, transactions: Int, calls: [TraceContext]) {
        let batch = state.withLock { $0 }
        let isForNobody = transactions == 0 && (batch.events > 0 || batch.failure != nil)
        guard !calls.isEmpty || isForNobody, let context = tracer.context(under: calls.first) else { return }
        var span = TraceSpan(
            name: "cairn.batch", context: context, parent: calls.first, start: start, duration: duration)
        span.attributes = [
            ("cairn.batch.transactions", .number(Int64(transactions))),
            ("cairn.batch.events", .number(Int64(batch.events))),
        ]
        span.links = calls
        span.failure = batch.failure?.rawValue
        tracer.record(span)
    }
}
