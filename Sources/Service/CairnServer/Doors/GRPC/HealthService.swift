internal import CairnProtocol
internal import CairnRPC
internal import SwiftProtobuf
internal import Synchronization

/// `grpc.health.v1.Health`: serving until the server stops (gRPC health checking protocol).
final class HealthService: Sendable {
    private struct State {
        var isServing = true
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextWatcher = 0
    }

    private let services: Set<String>
    private let state = Mutex(State())

    /// The health of these services; the empty name means the server.
    init(services: [String]) { self.services = Set(services + [""]) }

    func register(on router: inout RPCRouter) {
        router.unary("grpc.health.v1.Health/Check") { [self] (request: Grpc_Health_V1_HealthCheckRequest, _) in
            guard services.contains(request.service) else {
                throw RPCError(.notFound, "there is no service \"\(request.service)\"")
            }
            return status(of: request.service)
        }
        router.serverStreaming("grpc.health.v1.Health/Watch") {
            [self] (request: Grpc_Health_V1_HealthCheckRequest, responses, _) in
            try await watch(request.service, responses)
        }
    }

    /// Tells everybody that the server no longer serves. It doesn't start again.
    func stop() {
        let watchers = state.withLock { state in
            state.isServing = false
            defer { state.watchers = [:] }
            return state.watchers.values
        }
        for watcher in watchers { watcher.finish() }
    }

    private func status(of service: String) -> Grpc_Health_V1_HealthCheckResponse {
        let isServing = state.withLock { $0.isServing }
        return .with {
            $0.status = !services.contains(service) ? .serviceUnknown : isServing ? .serving : .notServing
        }
    }

    /// Tells the status now, and once more when the server stops.
    private func watch(
        _ service: String, _ responses: RPCResponseWriter<Grpc_Health_V1_HealthCheckResponse>
    ) async throws {
        let (stopped, continuation) = AsyncStream<Void>.makeStream()
        let number = state.withLock { state in
            state.nextWatcher += 1
            if state.isServing { state.watchers[state.nextWatcher] = continuation } else { continuation.finish() }
            return state.nextWatcher
        }
        defer { state.withLock { $0.watchers[number] = nil } }
        if state.withLock({ $0.isServing }) { try await responses.write(status(of: service)) }
        for await _ in stopped {}
        try Task.checkCancellation()
        try await responses.write(status(of: service))
    }
}
