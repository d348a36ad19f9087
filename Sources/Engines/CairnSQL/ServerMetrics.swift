internal import CairnModel
internal import Logging
internal import Metrics

/// What a home on a database server measures of its database, for swift-metrics; and the same at debug log.
///
/// | metric | what |
/// |---|---|
/// | `cairn_database_seconds{home, operation}` | timer: `begin`, `commit`, `recall`, `lookup`, `read`, `beat`, `trim` |
/// | `cairn_database_batch_events{home}` | recorder: events in a batch |
/// | `cairn_database_retries_total{home, reason}` | counter: batches and reads that were run again |
/// | `cairn_database_settled_total{home, outcome}` | counter: commits whose answer was lost, by what became of them |
/// | `cairn_database_sessions{home}` | gauge: open connections |
/// | `cairn_database_head_ref{home}` | gauge: the last event that this replica knows of |
/// | `cairn_database_on_duty{home}` | gauge: 1 if this replica sweeps |
final class ServerMetrics: Sendable {
    /// What is timed.
    enum Operation: String, CaseIterable {
        case begin, commit, recall, lookup, read, beat, trim
    }

    private let home: String
    private let logger: Logger
    private let timers: [Operation: Timer]
    private let batchEvents: Recorder
    private let sessions: Meter
    private let headRef: Gauge
    private let duty: Gauge

    init(home: String, logger: Logger) {
        self.home = home
        self.logger = logger
        let dimensions = [("home", home)]
        timers = Dictionary(
            uniqueKeysWithValues: Operation.allCases.map {
                ($0, Timer(label: "cairn_database_seconds", dimensions: dimensions + [("operation", $0.rawValue)]))
            })
        batchEvents = Recorder(label: "cairn_database_batch_events", dimensions: dimensions)
        sessions = Meter(label: "cairn_database_sessions", dimensions: dimensions)
        headRef = Gauge(label: "cairn_database_head_ref", dimensions: dimensions)
        duty = Gauge(label: "cairn_database_on_duty", dimensions: dimensions)
    }

    /// Runs `body` and notes how long it took.
    func time<Result>(
        _ operation: Operation, _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let start = ContinuousClock.now
        defer {
            let duration = ContinuousClock.now - start
            timers[operation]?.record(duration: duration)
            logger.trace("database", metadata: ["operation": "\(operation)", "took": "\(duration)"])
        }
        return try body()
    }

    /// A batch is stored.
    func stored(events: Int, upTo ref: Ref) {
        batchEvents.record(events)
        headRef.record(ref.rawValue)
        logger.debug("batch stored", metadata: ["events": "\(events)", "head": "\(ref)"])
    }

    /// Something is run again.
    func retry(after error: StoreError) {
        Counter(label: "cairn_database_retries_total", dimensions: [("home", home), ("reason", error.code.rawValue)])
            .increment()
        logger.debug("the database is asked again", metadata: ["error": "\(error)"])
    }

    /// A commit whose answer was lost is cleared up.
    func settled(_ outcome: String) {
        Counter(label: "cairn_database_settled_total", dimensions: [("home", home), ("outcome", outcome)]).increment()
        logger.info("the answer to a commit was lost", metadata: ["outcome": "\(outcome)"])
    }

    func sessionOpened() {
        sessions.increment()
        logger.debug("connected to the database")
    }

    func sessionClosed() { sessions.decrement() }

    /// How far the log has come, and whether this replica sweeps.
    func noted(head: Ref, isOnDuty: Bool) {
        headRef.record(head.rawValue)
        duty.record(isOnDuty ? 1 : 0)
    }
}
