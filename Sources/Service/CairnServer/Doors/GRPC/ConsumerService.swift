internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire
internal import SwiftProtobuf

/// `cairn.v1.Consumers`: named readers of the log.
struct ConsumerService: Sendable {
    let store: any Store
    let encodings: EventEncodings

    func register(on router: inout RPCRouter) {
        router.unary("cairn.v1.Consumers/Get") { (request: Cairn_V1_GetConsumerRequest, _) in
            try await answer { () throws(StoreError) in
                guard let consumer = try await store.consumer(request.name) else {
                    throw StoreError(.consumerNotFound, "there is no consumer named \"\(request.name)\"")
                }
                return consumer
            }
        }
        router.unary("cairn.v1.Consumers/List") { request, _ in try await list(request) }
        router.unary("cairn.v1.Consumers/Acknowledge") { (request: Cairn_V1_AcknowledgeRequest, _) in
            try await answer { () throws(StoreError) in
                try await store.acknowledge(request.name, through: Ref(request.ref))
            }
        }
        router.unary("cairn.v1.Consumers/Reset") { (request: Cairn_V1_ResetConsumerRequest, _) in
            try await answer { () throws(StoreError) in
                let result = try await store.commit(
                    Transaction(then: [.resetConsumer(request.name, to: Ref(request.ref))]))
                guard case .consumer(let consumer)? = result.results.first else { throw .malformedAnswer }
                return consumer
            }
        }
        router.unary("cairn.v1.Consumers/Delete") { (request: Cairn_V1_DeleteConsumerRequest, _) in
            try await answering { () throws(StoreError) in
                _ = try await store.commit(Transaction(then: [.deleteConsumer(request.name)]))
                return Cairn_V1_DeleteConsumerResponse()
            }
        }
        router.bidirectional("cairn.v1.Consumers/Consume", endsOnDrain: true) { requests, responses, _ in
            try await consume(requests, responses)
        }
    }

    private func answer(
        _ body: () async throws(StoreError) -> Consumer
    ) async throws -> Cairn_V1_ConsumerResponse {
        let consumer = try await answering(body)
        return .with { $0.consumer = consumer.wire }
    }

    private func list(_ request: Cairn_V1_ListConsumersRequest) async throws -> Cairn_V1_ListConsumersResponse {
        try await answering { () throws(StoreError) in
            let limit = request.limit == 0 ? store.limits.pageEntries : Int(request.limit)
            let consumers = try await store.consumers(after: request.after, limit: limit)
            return .with { $0.consumers = consumers.map(\.wire) }
        }
    }

    /// Streams events from the consumer's cursor on, while another task takes acknowledgements.
    private func consume(
        _ requests: RPCRequestStream<Cairn_V1_ConsumeRequest>, _ responses: RPCResponseWriter<Cairn_V1_WatchResponse>
    ) async throws {
        var iterator = requests.makeAsyncIterator()
        guard let first = try await iterator.next(), !first.name.isEmpty else {
            throw RPCError(StoreError(.invalidArgument, "the first request of Consume must name the consumer"))
        }
        let name = first.name
        let request = try await answering { () throws(StoreError) in
            let kinds = try Set(wire: first.kinds)
            try kinds.checkForConsumer()
            let cursor = try await store.consumer(name)?.cursor
            return WatchRequest(
                range: try KeyRange(wire: first.range), start: .ref(cursor?.next ?? .zero), kinds: kinds)
        }
        let log = LogService(store: store, encodings: encodings)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await log.stream(request, to: responses) }
            group.addTask {
                for try await request in requests {
                    _ = try await answering { () throws(StoreError) in
                        try await store.acknowledge(name, through: Ref(request.acknowledgeRef))
                    }
                }
            }
            // The stream never ends by itself, so the first to end decides: the caller is done, or something failed.
            try await group.next()
            group.cancelAll()
        }
    }
}
