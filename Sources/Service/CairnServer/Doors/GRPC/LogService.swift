internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire
internal import SwiftProtobuf

/// `cairn.v1.Log`: streams of events, and compaction.
struct LogService: Sendable {
    let store: any Store
    let encodings: EventEncodings

    func register(on router: inout RPCRouter) {
        router.serverStreaming("cairn.v1.Log/Watch", endsOnDrain: true) {
            (request: Cairn_V1_WatchRequest, responses: RPCResponseWriter<Cairn_V1_WatchResponse>, _) in
            let request = try await answering { () throws(StoreError) in try WatchRequest(wire: request) }
            try await stream(request, to: responses)
        }
        router.unary("cairn.v1.Log/Compact") { (request: Cairn_V1_CompactRequest, _) in
            try await answering { () throws(StoreError) in
                try await store.compact(before: Ref(request.beforeRef))
                return Cairn_V1_CompactResponse()
            }
        }
    }

    /// Writes a stream's updates until it ends or the caller goes away.
    func stream(
        _ request: WatchRequest, to responses: RPCResponseWriter<Cairn_V1_WatchResponse>
    ) async throws {
        let (stream, head) = try await answering { () throws(StoreError) in
            // The head first: it may only be too low, never promise an event that is not delivered.
            let head = try await store.status().headRef
            return (try await store.watch(request), head)
        }
        try await responses.write(.with { $0.openedAtRef = head.rawValue })
        var updates = stream.makeAsyncIterator()
        while let update = try await answering({ () throws(StoreError) in try await updates.next() }) {
            switch update {
            case .events(let events):
                try await responses.writeEncoded(try encodings.response(with: events))
            case .records(let records, let ref):
                try await responses.write(
                    .with {
                        $0.records = records.map { $0.wire() }
                        $0.recordsRef = ref.rawValue
                    })
            case .progress(let ref):
                try await responses.write(.with { $0.progressRef = ref.rawValue })
            case .accesses(let accesses, let missed):
                try await responses.write(
                    .with {
                        $0.accesses = accesses.map(\.wire)
                        $0.missedAccesses = missed.wire
                    })
            }
        }
    }
}
