public import CairnModel
internal import CairnRPC
internal import Foundation
public import Logging
public import Metrics
internal import Synchronization

/// Sends spans to a collector, some at a time, behind the back of whoever records them.
///
/// Recording a span takes a lock for a moment, and never waits: when ``spansMax`` wait already, the span is dropped.
/// Spans are sent each second, or when ``batchSize`` wait. Those that a collector could not take are kept, and tried
/// again after waits that grow; it is logged when that begins and ends, and dropped spans are logged once a minute.
///
/// | metric | what |
/// |---|---|
/// | `cairn_trace_spans_exported_total` | counter: spans that a collector has taken |
/// | `cairn_trace_spans_dropped_total{reason}` | counter: `full`, `refused` by the collector, `shutdown` |
public final class TraceExporter: Tracer {
    /// How many spans wait at most.
    public static let spansMax = 8_192
    /// How many are sent at a time.
    public static let batchSize = 512
    private static let interval = Duration.seconds(1)
    private static let callTimeout = Duration.seconds(3)
    private static let longestWait = Duration.seconds(30)
    private static let dropsToldEach = Duration.seconds(60)

    private struct State {
        var waiting: [TraceSpan] = []
        /// The sleep of the task that sends, to be ended early.
        var nap: Task<Void, Never>?
        /// Whether it sleeps because the collector can't be reached.
        var isBackingOff = false
        /// What the collector last had against spans.
        var refusal: String?
        var isStopping = false
        var dropped = 0
        var dropsToldAt: ContinuousClock.Instant?
    }

    private let link: any CollectorLink
    private let collector: TraceCollector
    private let service: String
    private let instance: String
    private let sampling: SamplingRule
    private let ids = SpanIDs()
    private let logger: Logger
    private let exported: Counter
    private let full: Counter
    private let refused: Counter
    private let lost: Counter
    private let state = Mutex(State())
    private let sender = Mutex<Task<Void, Never>?>(nil)

    /// Sends to `collector`, in the name of `service`, the given share of the traces that begin here; and those parts
    /// of others that their callers want recorded. Nothing is connected yet.
    ///
    /// Throws ``CairnRPC/RPCSetupError``.
    public init(
        to collector: TraceCollector, service: String, ratio: Double, metrics: any MetricsFactory, logger: Logger
    ) throws {
        self.collector = collector
        self.service = service
        // Two replicas on one machine have the same service, and may have the same process id in their containers.
        instance = UUID().uuidString.lowercased()
        sampling = SamplingRule(ratio: ratio)
        self.logger = logger
        switch collector.transport {
        case .grpc: link = try GRPCCollectorLink(host: collector.host, port: collector.port)
        case .http(let path): link = HTTPCollectorLink(host: collector.host, port: collector.port, path: path)
        }
        exported = Counter(label: "cairn_trace_spans_exported_total", factory: metrics)
        let dropped = "cairn_trace_spans_dropped_total"
        full = Counter(label: dropped, dimensions: [("reason", "full")], factory: metrics)
        refused = Counter(label: dropped, dimensions: [("reason", "refused")], factory: metrics)
        lost = Counter(label: dropped, dimensions: [("reason", "shutdown")], factory: metrics)
    }

    // MARK: Recording

    /// The context of a new span.
    public func context(under parent: TraceContext?) -> TraceContext? {
        if let parent {
            guard parent.isSampled else { return nil }
            return TraceContext(
                traceIDHigh: parent.traceIDHigh, traceIDLow: parent.traceIDLow, spanID: ids.next(), isSampled: true)
        }
        let low = ids.next()
        guard sampling.takes(traceIDLow: low) else { return nil }
        return TraceContext(traceIDHigh: ids.next(), traceIDLow: low, spanID: ids.next(), isSampled: true)
    }

    /// Takes a span to be sent, or drops it.
    public func record(_ span: TraceSpan) {
        let (isDropped, nap) = state.withLock { state -> (Bool, Task<Void, Never>?) in
            guard state.waiting.count < TraceExporter.spansMax else {
                state.dropped += 1
                return (true, nil)
            }
            state.waiting.append(span)
            let isDue = state.waiting.count == TraceExporter.batchSize && !state.isBackingOff
            return (false, isDue ? state.nap : nil)
        }
        if isDropped { full.increment() }
        nap?.cancel()
    }

    // MARK: Sending

    /// Begins to send. To be called once, and ended with ``shutdown(within:)``.
    public func start() {
        sender.withLock { sender in
            // Unstructured, because it lives until `shutdown`, which waits for it.
            sender = Task { await self.send() }
        }
    }

    /// Sends what waits, for at most `limit`, and lets go of the collector. What is recorded later is lost.
    public func shutdown(within limit: Duration) async {
        let nap = state.withLock { state in
            state.isStopping = true
            return state.nap
        }
        nap?.cancel()
        let sender = sender.withLock { $0 }
        // Unstructured, so that it can be given up when the sender is done earlier.
        let watchdog = Task {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            sender?.cancel()
        }
        await sender?.value
        watchdog.cancel()
        let rest = state.withLock { $0.waiting.count }
        if rest > 0 {
            lost.increment(by: rest)
            logger.warning("traces lost at the end", metadata: ["spans": "\(rest)", "collector": "\(collector)"])
        }
        await link.close()
    }

    /// Sends until it is stopped and nothing waits, or until it is cancelled. While the collector can't be reached it
    /// is tried after waits that grow, and once more at the end.
    private func send() async {
        var failures = 0
        while !Task.isCancelled {
            let isStopping = await rest(for: TraceExporter.wait(after: failures), isBackingOff: failures > 0)
            tellDrops()
            while !Task.isCancelled {
                let batch = state.withLock { Array($0.waiting.prefix(TraceExporter.batchSize)) }
                if batch.isEmpty { break }
                guard await export(batch, isFirstFailure: failures == 0) else {
                    failures += 1
                    break
                }
                if failures > 0 { logger.notice("traces exported again", metadata: ["collector": "\(collector)"]) }
                failures = 0
                // A piece of a batch waits for the next: it is cheaper to send a few more.
                if batch.count < TraceExporter.batchSize { break }
            }
            if isStopping, failures > 0 || state.withLock({ $0.waiting.isEmpty }) { return }
        }
    }

    /// The wait before the next attempt: a second, and twice as long after each failure.
    private static func wait(after failures: Int) -> Duration {
        min(interval * (1 << min(failures, 10)), longestWait)
    }

    /// Sleeps, but not while there is a batch to send, unless it is backing off, and not when it is to stop, which is
    /// returned.
    private func rest(for duration: Duration, isBackingOff: Bool) async -> Bool {
        // Unstructured, as it is ended from outside: by a full batch, or by the end.
        let nap = Task<Void, Never> { _ = try? await Task.sleep(for: duration) }
        let isNeeded = state.withLock { state in
            state.nap = nap
            state.isBackingOff = isBackingOff
            return !state.isStopping && (isBackingOff || state.waiting.count < TraceExporter.batchSize)
        }
        if isNeeded {
            await withTaskCancellationHandler {
                await nap.value
            } onCancel: {
                nap.cancel()
            }
        }
        nap.cancel()
        return state.withLock { state in
            state.nap = nil
            return state.isStopping
        }
    }

    /// Sends a batch, and takes it off the queue unless it is to be tried again. Returns whether it needn't be.
    private func export(_ batch: [TraceSpan], isFirstFailure: Bool) async -> Bool {
        var rejected = 0
        do throws(ExportFailure) {
            rejected = try await link.export(
                ExportRequest(batch, service: service, instance: instance), within: TraceExporter.callTimeout)
            exported.increment(by: batch.count - rejected)
        } catch {
            if error.mayRetry {
                guard isFirstFailure else { return false }
                logger.warning(
                    "traces can't be exported; calls are not affected, and spans are kept as far as there is room",
                    metadata: ["collector": "\(collector)", "error": "\(error)"])
                return false
            }
            rejected = batch.count
            state.withLock { $0.refusal = error.description }
        }
        if rejected > 0 { refused.increment(by: rejected) }
        state.withLock { state in
            state.dropped += rejected
            state.waiting.removeFirst(batch.count)
        }
        return true
    }

    /// Logs how many spans were dropped, once a minute.
    private func tellDrops() {
        let now = ContinuousClock.now
        let (dropped, refusal) = state.withLock { state -> (Int, String?) in
            guard state.dropped > 0, state.dropsToldAt.map({ now - $0 >= TraceExporter.dropsToldEach }) ?? true else {
                return (0, nil)
            }
            defer { (state.dropped, state.refusal) = (0, nil) }
            state.dropsToldAt = now
            return (state.dropped, state.refusal)
        }
        guard dropped > 0 else { return }
        logger.warning(
            "spans dropped",
            metadata: [
                "spans": "\(dropped)", "collector": "\(collector)",
                "reason": "\(refusal ?? "more of them wait than there is room for")",
            ])
    }
}
