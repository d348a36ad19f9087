import Synchronization

/// How much may wait to be written on one stream, and on its connection: what makes a writer wait for a slow reader.
///
/// A writer reserves a message's size before it hands the message over, and waits while too much is reserved; the
/// connection releases sizes as bytes leave for the socket. A message larger than the limit passes when nothing else
/// waits.
package final class WriteGate: Sendable {
    private struct State {
        var reserved = 0
        var waiters: [(id: UInt64, continuation: CheckedContinuation<Void, any Error>)] = []
        var nextID: UInt64 = 0
        var closed: RPCError?
    }

    private let state = Mutex(State())
    private let limit: Int
    private let connection: ConnectionWriteLimit

    package init(limit: Int, connection: ConnectionWriteLimit) {
        self.limit = limit
        self.connection = connection
    }

    /// Bytes handed over and not yet sent.
    package var reserved: Int { state.withLock { $0.reserved } }

    /// How many writers wait.
    package var waiterCount: Int { state.withLock { $0.waiters.count } }

    /// Waits until `count` more bytes may be handed over.
    ///
    /// - Throws: `CancellationError` if the task is cancelled meanwhile; the call's error once the stream is over.
    package func reserve(_ count: Int) async throws {
        while true {
            let id: UInt64? = try state.withLock { state throws -> UInt64? in
                if let closed = state.closed { throw closed }
                if hasRoom(state, for: count) {
                    state.reserved += count
                    return nil
                }
                state.nextID += 1
                return state.nextID
            }
            guard let id else { return }
            try await wait(id, forRoom: count)
        }
    }

    private func hasRoom(_ state: State, for count: Int) -> Bool {
        state.reserved == 0 || (state.reserved + count <= limit && connection.hasRoom)
    }

    private func wait(_ id: UInt64, forRoom count: Int) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // The cancellation handler takes the lock too: it sees the waiter, or this sees the cancellation.
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if let closed = state.closed { return .failure(closed) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    // Room may have come since it was looked for, and nobody tells of it twice.
                    if hasRoom(state, for: count) { return .success(()) }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0).continuation }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    /// Notes that `count` bytes left, and wakes the writers when half of the limit is free.
    package func release(_ count: Int) {
        wake { state in
            state.reserved -= count
            return state.reserved <= limit / 2
        }
    }

    /// Wakes the writers because the connection has room again.
    package func connectionHasRoom() { wake { _ in true } }

    private func wake(_ body: (inout State) -> Bool) {
        let waiters = state.withLock { state in
            guard body(&state), !state.waiters.isEmpty else {
                return [(id: UInt64, continuation: CheckedContinuation<Void, any Error>)]()
            }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume() }
    }

    /// Fails every writer, now and later.
    package func close(_ error: RPCError) {
        let waiters = state.withLock { state in
            if state.closed == nil { state.closed = error }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(throwing: error) }
    }
}

/// What waits to be written on a whole connection, as its writers see it from any thread.
package final class ConnectionWriteLimit: Sendable {
    private let queued = Atomic<Int>(0)
    private let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// No limit.
    static let unlimited = ConnectionWriteLimit(limit: .max)

    package var hasRoom: Bool { queued.load(ordering: .relaxed) < limit }

    /// Notes what is queued, on the loop; says whether room has just come back.
    package func update(_ count: Int) -> Bool {
        let before = queued.exchange(count, ordering: .relaxed)
        return before >= limit && count < limit
    }
}
