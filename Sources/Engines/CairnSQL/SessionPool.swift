internal import CairnModel
internal import Dispatch
internal import Synchronization

/// A few sessions for one role, opened when they are needed, and handed out to one thread at a time each.
final class SessionPool<Home: ServerHome>: Sendable {
    /// How many sessions there may be.
    let count: Int
    private let home: Home
    private let role: SessionRole
    let metrics: ServerMetrics
    private let state = Mutex(State())
    private let available: DispatchSemaphore
    private let opened: @Sendable () -> Void

    private struct State {
        var idle: [Home.Session] = []
        var isClosed = false
    }

    /// A pool without sessions. `opened` is called after each that is opened.
    init(
        _ home: Home, role: SessionRole, count: Int, metrics: ServerMetrics, opened: @escaping @Sendable () -> Void = {}
    ) {
        self.home = home
        self.opened = opened
        self.role = role
        self.count = max(count, 1)
        self.metrics = metrics
        // Made with 0 and raised: a semaphore that is freed below its first value traps.
        available = DispatchSemaphore(value: 0)
        for _ in 0..<self.count { available.signal() }
    }

    /// Runs `body` with a session that nobody else uses meanwhile; waits for one if need be. One that breaks is closed.
    func withSession<Result>(
        _ body: (Home.Session) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        available.wait()
        defer { available.signal() }
        let (kept, isClosed) = state.withLock { ($0.idle.popLast(), $0.isClosed) }
        if isClosed { throw StoreError(.closed, "the store is closed") }
        let session = if let kept { kept } else { try open() }
        defer { giveBack(session) }
        return try body(session)
    }

    private func open() throws(StoreError) -> Home.Session {
        let session = try home.open(role)
        metrics.sessionOpened()
        opened()
        return session
    }

    private func giveBack(_ session: Home.Session) {
        let isKept = state.withLock { state in
            guard !session.isBroken, !state.isClosed else { return false }
            state.idle.append(session)
            return true
        }
        if isKept { return }
        session.close()
        metrics.sessionClosed()
    }

    /// Closes the sessions. No other call is under way or follows.
    func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return state.idle
        }
        for session in idle {
            session.close()
            metrics.sessionClosed()
        }
    }
}
