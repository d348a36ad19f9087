internal import CairnKeyspace
internal import CairnModel
internal import Dispatch
internal import Foundation
internal import Logging
internal import Synchronization

/// A replica among the others: says every few seconds that it lives, hears of their batches, and knows which of them
/// sweeps.
///
/// It has a thread and a connection of its own. The replica with the lowest number among those that were seen of late
/// is on duty; when it dies the next one is, after ``Replica/silence`` and a beat. Two may believe it for a moment:
/// that costs a batch that finds nothing to do.
final class Presence<Home: ServerHome>: Sendable {
    /// Our number.
    let number: Int64

    private let home: Home
    private let channel: any AnnouncementChannel
    private let interval: Duration
    private let metrics: ServerMetrics
    private let logger: Logger
    private let state = Mutex(State())
    private let wakeUps = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    private struct State {
        var heard = Ref.zero
        var others: [Replica] = []
        var isOnDuty = false
        /// When the last beat was answered; after a long silence others have taken over.
        var lastBeat = DispatchTime.now()
        var nextDeadline: Timestamp?
        var listener: (@Sendable () -> Void)?
        var mustBeat = false
        /// Something may have been missed: the next beat is news whatever it says.
        var mayHaveMissed = false
        var isStopped = false
    }

    init(
        _ home: Home, number: Int64, channel: any AnnouncementChannel, interval: Duration, metrics: ServerMetrics,
        logger: Logger
    ) {
        self.home = home
        self.number = number
        self.channel = channel
        self.interval = interval
        self.metrics = metrics
        self.logger = logger
    }

    /// The last event that was announced, by anyone.
    var heard: Ref { state.withLock { $0.heard } }

    /// Whether no other replica is known.
    var isAlone: Bool { state.withLock { $0.others.isEmpty } }

    /// Whether this replica sweeps.
    var isOnDuty: Bool {
        state.withLock { $0.isOnDuty && $0.lastBeat + Replica.silence.dispatchInterval > .now() }
    }

    /// Has `changed` called whenever there are news.
    func listen(_ changed: @escaping @Sendable () -> Void) { state.withLock { $0.listener = changed } }

    /// Starts to beat and to hear. Returns after the first beat, or the first that failed. `reconnected` is called for
    /// each connection after the first.
    func start(reconnected: @escaping @Sendable () -> Void) {
        channel.start { [weak self] text in self?.hear(text) }
        let isKnown = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [self] in
            Thread.current.name = "cairn-beat"
            run(reconnected: reconnected, isKnown)
            ended.signal()
        }
        isKnown.wait()
        sendGreeting()
    }

    /// Leaves, so that others need not wait until we have been silent for long.
    func stop() {
        channel.stop()
        state.withLock { $0.isStopped = true }
        wakeUps.signal()
        ended.wait()
    }

    /// Tells the others of a batch that is stored.
    func announce(_ text: String, upTo ref: Ref) {
        let others = state.withLock { state in
            state.heard = max(state.heard, ref)
            return state.others
        }
        if !others.isEmpty { channel.send(text, to: others) }
    }

    /// Makes the others look who there is.
    private func sendGreeting() {
        let others = state.withLock { $0.others }
        channel.send(Announcement(replica: number, lastRef: .zero, nextDeadline: nil).text, to: others)
    }

    private func hear(_ text: String) {
        let announcement = Announcement(text: text)
        // Our own come back to us where the database passes them on.
        if let announcement, announcement.replica == number { return }
        let (listener, mustBeat) = state.withLock { state in
            guard let announcement, announcement.lastRef > .zero else {
                // Something was missed, or a replica has come or gone: look at once.
                state.mustBeat = true
                state.mayHaveMissed = true
                return (state.listener, true)
            }
            state.heard = max(state.heard, announcement.lastRef)
            return (state.listener, false)
        }
        if mustBeat { wakeUps.signal() } else { listener?() }
    }
}

// The thread.
extension Presence {
    private func run(reconnected: () -> Void, _ isKnown: DispatchSemaphore) {
        var session: Home.Session?
        var isFirst = true
        while !state.withLock({ $0.isStopped }) {
            do throws(StoreError) {
                if session == nil {
                    session = try home.open(.writing)
                    metrics.sessionOpened()
                    if !isFirst {
                        reconnected()
                        state.withLock { state in
                            // It may be another database, which knows less.
                            state.heard = .zero
                            state.mayHaveMissed = true
                        }
                    }
                }
                if let session { try beat(session) }
            } catch {
                logger.warning("the database does not answer", metadata: ["error": "\(error)"])
                session = close(session)
            }
            if isFirst { isKnown.signal() }
            isFirst = false
            waitForNextBeat()
        }
        if let session {
            do throws(StoreError) {
                try session.leave(number)
                sendGreeting()
            } catch {
                logger.debug("left without saying so", metadata: ["error": "\(error)"])
            }
        }
        _ = close(session)
    }

    private func close(_ session: Home.Session?) -> Home.Session? {
        guard let session else { return nil }
        session.close()
        metrics.sessionClosed()
        return nil
    }

    private func beat(_ session: Home.Session) throws(StoreError) {
        let home = try metrics.time(.beat) { () throws(StoreError) in try session.beat(number) }
        let listener = state.withLock { state in
            let isOnDuty = (home.replicas.map(\.number).min() ?? number) >= number
            let isNews =
                state.mayHaveMissed || home.head.lastRef > state.heard || isOnDuty != state.isOnDuty
                || home.nextDeadline != state.nextDeadline
            state.heard = max(state.heard, home.head.lastRef)
            state.nextDeadline = home.nextDeadline
            state.others = home.replicas.filter { $0.number != number }
            state.isOnDuty = isOnDuty
            state.lastBeat = .now()
            state.mayHaveMissed = false
            metrics.noted(head: home.head.lastRef, isOnDuty: isOnDuty)
            return isNews ? state.listener : nil
        }
        listener?()
    }

    private func waitForNextBeat() {
        // Not all replicas at the same moment.
        let end = DispatchTime.now() + (interval * Double.random(in: 0.8...1)).dispatchInterval
        while !state.withLock({ state in
            defer { state.mustBeat = false }
            return state.mustBeat || state.isStopped
        }) {
            if wakeUps.wait(timeout: end) == .timedOut { return }
        }
    }
}
