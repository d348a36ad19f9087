import NIOCore
import Synchronization

// The handler's task, the interceptors around it, and what it leaves for the transport.
extension ServerStream {
    /// Runs the handler's body in a task that prefers the loop, starting at once on this thread.
    func begin(_ body: @escaping @Sendable (RPCContext) async throws -> EncodedMessage?) {
        connection.startWhenRoom(self) {
            guard let span = self.span else { return self.run(body) }
            span.starting { self.run(body) }
        }
    }

    /// Whether a task may be done without: no interceptor wants the call, and there is room to write.
    var mayDoWithoutTask: Bool {
        guard connection.writeLimit.hasRoom else { return false }
        return connection.interceptors.isEmpty || connection.interceptors.allSatisfy { $0.admits(RPCDirectCall(self)) }
    }

    /// Answers without a handler, on the loop.
    func answer(_ response: EncodedMessage) { complete(.success(response)) }

    private func run(_ body: @escaping @Sendable (RPCContext) async throws -> EncodedMessage?) {
        guard !isFinished else { return }
        let task = Task.immediate(executorPreference: connection.executor) {
            do {
                let response =
                    self.connection.interceptors.isEmpty
                    ? try await body(RPCContext(self)) : try await self.intercepted(body)
                self.complete(.success(response))
            } catch {
                self.complete(.failure(error))
            }
        }
        if !isFinished { self.task = task }
    }

    private func intercepted(
        _ body: @escaping @Sendable (RPCContext) async throws -> EncodedMessage?
    ) async throws -> EncodedMessage? {
        let response = Mutex<EncodedMessage?>(nil)
        let context = RPCContext(self)
        try await Self.nest(connection.interceptors[...], context) {
            let made = try await body(context)
            response.withLock { $0 = made }
        }
        return response.withLock { $0 }
    }

    private static func nest(
        _ interceptors: ArraySlice<any RPCServerInterceptor>, _ context: RPCContext,
        _ body: @Sendable () async throws -> Void
    ) async throws {
        guard let first = interceptors.first else { return try await body() }
        try await first.intercept(context) { try await nest(interceptors.dropFirst(), context, body) }
    }

    // MARK: Notes

    func setInitialMetadata(_ metadata: RPCMetadata) throws {
        try metadata.validate()
        notes.withLock { $0.initialMetadata = metadata }
    }

    func setTrailingMetadata(_ metadata: RPCMetadata) throws {
        try metadata.validate()
        notes.withLock { $0.trailingMetadata = metadata }
    }

    var isDraining: Bool { notes.withLock { $0.isDraining } }

    func onDrain(_ action: @escaping @Sendable () -> Void) {
        let isDraining = notes.withLock { notes in
            if !notes.isDraining { notes.drainActions.append(action) }
            return notes.isDraining
        }
        if isDraining { action() }
    }

    /// The connection starts to drain.
    func drain() {
        let actions = notes.withLock { notes in
            notes.isDraining = true
            defer { notes.drainActions = [] }
            return notes.drainActions
        }
        for action in actions { action() }
        if route?.endsOnDrain == true { fail(RPCError(.unavailable, connection.drainReason)) }
    }
}
