internal import CairnModel
internal import Synchronization

/// The streams of a client, to be ended when it closes, and whether it has.
final class OpenStreams: Sendable {
    private struct State {
        var isClosed = false
        var ends: [Int: @Sendable () -> Void] = [:]
        var last = 0
    }

    private let state = Mutex(State())

    /// Whether ``close()`` was called.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Notes a stream and how to end it. Returns its number for ``remove(_:)``.
    func add(_ end: @escaping @Sendable () -> Void) throws(StoreError) -> Int {
        let number: Int? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.last += 1
            state.ends[state.last] = end
            return state.last
        }
        guard let number else { throw .clientClosed }
        return number
    }

    /// Forgets a stream.
    func remove(_ number: Int) {
        // What the closure holds is freed here, outside the lock: it may be the last hold on the call.
        _ = state.withLock { $0.ends.removeValue(forKey: number) }
    }

    /// Ends every stream, and refuses new ones.
    func close() {
        let ends = state.withLock { state in
            state.isClosed = true
            defer { state.ends = [:] }
            return state.ends.values
        }
        for end in ends { end() }
    }
}

extension StoreError {
    /// The client was closed by its owner.
    static var clientClosed: StoreError { StoreError(.closed, "the client is closed; make a new one") }
}
