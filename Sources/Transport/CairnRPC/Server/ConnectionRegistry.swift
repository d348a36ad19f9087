import Synchronization

/// A server's open connections, and the wait for the last of them.
final class ConnectionRegistry: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: ServerConnection] = [:]
        var accepted = 0
        var isDraining = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// How many connections are open.
    var count: Int { state.withLock { $0.connections.count } }

    /// Counts an accepted connection; `false` if it is one too many.
    func admit() -> Bool {
        state.withLock { state in
            guard state.accepted < limit else { return false }
            state.accepted += 1
            return true
        }
    }

    /// Takes back what ``admit()`` counted, once the channel is closed.
    func release() {
        let waiters = state.withLock { state in
            state.accepted -= 1
            guard state.accepted == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func add(_ connection: ServerConnection) {
        let isDraining = state.withLock { state in
            state.connections[ObjectIdentifier(connection)] = connection
            return state.isDraining
        }
        if isDraining { connection.executor.perform { connection.drain() } }
    }

    func remove(_ connection: ServerConnection) {
        state.withLock { state in _ = state.connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    /// Asks every connection, and each that comes later, to drain.
    func drain() {
        let connections = state.withLock { state in
            state.isDraining = true
            return Array(state.connections.values)
        }
        for connection in connections { connection.executor.perform { connection.drain() } }
    }

    func closeAll(_ reason: String) {
        let connections = state.withLock { Array($0.connections.values) }
        for connection in connections { connection.executor.perform { connection.closeNow(reason) } }
    }

    /// Asks every connection whose client has shown a certificate to connect anew, and ends it if it doesn't within
    /// `grace`.
    func renewCertificates(_ reason: String, grace: Duration) {
        let connections = state.withLock { Array($0.connections.values) }
        for connection in connections where connection.peerCertificate != nil {
            connection.executor.perform { connection.leave(reason, grace: grace) }
        }
    }

    /// Waits until no accepted connection is open.
    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if state.accepted > 0 { state.waiters.append(continuation) }
                return state.accepted == 0
            }
            if isEmpty { continuation.resume() }
        }
    }
}
