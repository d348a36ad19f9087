internal import Synchronization

/// Something that happens once, and that tests wait for instead of sleeping.
public final class Signal: Sendable {
    private struct State {
        var isSet = false
        var waiters: [Resumption<Void>] = []
    }

    private let name: String
    private let state = Mutex(State())

    /// A signal; `name` says what it tells, for the error of who waits in vain.
    public init(_ name: String) { self.name = name }

    /// Whether it has happened.
    public var isSet: Bool { state.withLock { $0.isSet } }

    /// It happens.
    public func set() {
        let waiters = state.withLock { state in
            state.isSet = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when it has happened.
    ///
    /// - Throws: ``WaitExpired`` after `limit`; `CancellationError` if the task is cancelled first.
    public func wait(within limit: Duration = standardWait) async throws {
        try await waiting(for: name, within: limit) { waiter in
            let isSet = state.withLock { state in
                if !state.isSet { state.waiters.append(waiter) }
                return state.isSet
            }
            if isSet { waiter.resume() }
        }
    }
}
