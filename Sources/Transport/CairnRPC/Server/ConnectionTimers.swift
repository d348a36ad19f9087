package import NIOCore

/// When a server's connection has waited long enough: handshake, keep-alive, idleness, age, drain.
///
/// Pure: it is told what happened and what time it is, and says what to do and when to ask again.
package struct ConnectionTimers {
    /// What is due.
    package enum Action: Equatable {
        case ping
        /// Ask the peer to go, and let its calls finish.
        case drain
        /// Name the last stream: the peer had its time to answer the drain's ping.
        case finishDrain
        /// End the connection now.
        case close(String)
    }

    private let limits: RPCLimits
    private let keepalive: RPCServerConfiguration.Keepalive
    private let openedAt: NIODeadline
    private var lastReadAt: NIODeadline
    private var idleSince: NIODeadline?
    private var pingedAt: NIODeadline?
    private var drainedAt: NIODeadline?
    private var isDrainFinished = false
    private var isAgeDrain = false
    private var headersSince: NIODeadline?
    private var stalledSince: NIODeadline?
    private var hasShakenHands = false

    package init(limits: RPCLimits, keepalive: RPCServerConfiguration.Keepalive, now: NIODeadline) {
        self.limits = limits
        self.keepalive = keepalive
        openedAt = now
        lastReadAt = now
        idleSince = now
    }

    package mutating func didRead(now: NIODeadline) {
        lastReadAt = now
        pingedAt = nil
    }

    /// Notes the client's SETTINGS; returns whether they are the first.
    package mutating func didShakeHands() -> Bool {
        defer { hasShakenHands = true }
        return !hasShakenHands
    }

    /// Notes whether a header block is unfinished.
    package mutating func headersAreOpen(_ isOpen: Bool, now: NIODeadline) {
        headersSince = isOpen ? headersSince ?? now : nil
    }

    /// Notes whether calls are running.
    package mutating func hasCalls(_ hasCalls: Bool, now: NIODeadline) {
        idleSince = hasCalls ? nil : idleSince ?? now
    }

    /// Notes that bytes wait to be sent, and whether any moved since the last time.
    package mutating func writes(areWaiting: Bool, moved: Bool, now: NIODeadline) {
        if !areWaiting {
            stalledSince = nil
        } else if moved || stalledSince == nil {
            stalledSince = now
        }
    }

    package mutating func didStartDrain(now: NIODeadline) { drainedAt = drainedAt ?? now }

    package mutating func didFinishDrain() { isDrainFinished = true }

    /// When something may be due next.
    package var nextWake: NIODeadline? {
        deadlines.map(\.at).min()
    }

    /// What is due at `now`, in the order in which to do it.
    package mutating func due(now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        for deadline in deadlines where deadline.at <= now {
            actions.append(deadline.action)
            switch deadline.action {
            case .ping: pingedAt = now
            case .drain:
                drainedAt = now
                isAgeDrain = true
            case .finishDrain: isDrainFinished = true
            case .close: break
            }
        }
        return actions
    }

    private var deadlines: [(at: NIODeadline, action: Action)] {
        var deadlines: [(at: NIODeadline, action: Action)] = []
        func add(_ start: NIODeadline?, _ wait: Duration?, _ action: Action) {
            guard let start, let wait else { return }
            deadlines.append((start + TimeAmount(wait), action))
        }
        if !hasShakenHands {
            add(openedAt, limits.handshakeTimeout, .close("no HTTP/2 preface and SETTINGS in time"))
        }
        add(headersSince, limits.headersTimeout, .close("a header block took too long"))
        add(stalledSince, limits.writeStallTimeout, .close("the peer takes no bytes"))
        if let pingedAt {
            add(pingedAt, keepalive.timeout, .close("no answer to a keep-alive ping"))
        } else if hasShakenHands {
            add(lastReadAt, keepalive.interval, .ping)
        }
        if drainedAt == nil {
            add(idleSince, keepalive.maxIdle, .drain)
            add(openedAt, keepalive.maxAge, .drain)
        } else if !isDrainFinished {
            add(drainedAt, .seconds(1), .finishDrain)
        }
        if isAgeDrain { add(drainedAt, keepalive.maxAgeGrace, .close("calls outlived the connection's age")) }
        return deadlines
    }
}
