import Metrics
import Synchronization

/// What a server measures of its calls and connections, for swift-metrics.
///
/// | metric | what |
/// |---|---|
/// | `cairn_rpc_started_total{method}` | counter: calls that began |
/// | `cairn_rpc_seconds{method, status}` | timer: calls that ended, from their headers' arrival on |
/// | `cairn_connections` | meter: open connections |
/// | `cairn_connections_accepted_total`, `cairn_connections_refused_total` | counters |
/// | `cairn_tls_handshakes_refused_total` | counter |
///
/// Counted where every call passes, with or without a task: two additions and one look at the clock a call. Calls of
/// methods that nobody registered count as one method, `unknown`.
final class RPCServerMetrics: Sendable {
    private let connections: Meter
    private let accepted: Counter
    private let refused: Counter
    private let handshakesRefused: Counter
    /// By the number of their route.
    private let methods: [MethodMetrics]
    private let unknown: MethodMetrics

    init(routes: [Route], factory: any MetricsFactory) {
        connections = Meter(label: "cairn_connections", factory: factory)
        accepted = Counter(label: "cairn_connections_accepted_total", factory: factory)
        refused = Counter(label: "cairn_connections_refused_total", factory: factory)
        handshakesRefused = Counter(label: "cairn_tls_handshakes_refused_total", factory: factory)
        methods = routes.sorted { $0.number < $1.number }.map { MethodMetrics($0.method, factory) }
        unknown = MethodMetrics("unknown", factory)
    }

    func connectionOpened() {
        accepted.increment()
        connections.increment()
    }

    func connectionClosed() { connections.decrement() }

    func connectionRefused() { refused.increment() }

    func handshakeRefused() { handshakesRefused.increment() }

    /// The metrics of a call's method.
    func method(_ route: Route?) -> MethodMetrics { route.map { methods[$0.number] } ?? unknown }
}

/// What is measured of one method.
final class MethodMetrics: Sendable {
    private let name: String
    private let factory: any MetricsFactory
    private let started: Counter
    private let ended: [StatusTimer]

    init(_ name: String, _ factory: any MetricsFactory) {
        self.name = name
        self.factory = factory
        started = Counter(label: "cairn_rpc_started_total", dimensions: [("method", name)], factory: factory)
        ended = (0...16).map { _ in StatusTimer() }
    }

    func didStart() { started.increment() }

    func didEnd(_ code: RPCStatus.Code, nanoseconds: Int64) {
        ended[code.rawValue].timer { [self] in
            Timer(
                label: "cairn_rpc_seconds", dimensions: [("method", name), ("status", code.description)],
                factory: factory)
        }.recordNanoseconds(nanoseconds)
    }
}

/// The timer of one status, made when the first call ends with it: most methods never end with most.
private final class StatusTimer: Sendable {
    private let made = AtomicLazyReference<Timer>()

    func timer(_ make: () -> Timer) -> Timer { made.load() ?? made.storeIfNil(make()) }
}
