import CairnClient
import CairnKeyspace
import CairnModel
import CairnProtocol
import CairnRPC
import CairnWire
import Testing

/// How many watches a server takes, and that one client may have several.
@Suite("As many watches as there may be", .timeLimit(.minutes(10)))
struct WatchLimitTests {
    /// Asks the server until it has so many watches.
    private func waitForWatches(_ count: Int64, _ client: CairnClient) async throws {
        let limit = ContinuousClock.now + .seconds(60)
        while try await client.serverStats().watchers != count {
            guard ContinuousClock.now < limit else { throw StoreError(.internal, "there never were \(count) watches") }
        }
    }

    @Test("one client watches a key three times, and a fourth time it is refused until one of them has ended")
    func limit() async throws {
        try await withServedStore(store: { $0.watchLimit = 3 }, client: { $0.clientID = "carl" }) { served, client in
            let request = WatchRequest(range: KeyRange(single: "key"))
            var streams: [WatchStream?] = []
            for _ in 0..<3 { streams.append(try await client.watch(request)) }
            try await client.set("key", "1")
            for stream in streams.compactMap({ $0 }) { #expect(try await next(stream)?.key == "key") }
            #expect(try await client.serverStats().watchers == 3)

            let rpc = try served.rpc()
            let fourth: RPCResponseStream<Cairn_V1_WatchResponse> = try rpc.serverStreaming(
                "cairn.v1.Log/Watch", Cairn_V1_WatchRequest())
            var answers = fourth.makeAsyncIterator()
            let refused = await #expect(throws: RPCError.self) { _ = try await answers.next() }
            #expect(refused?.code == .resourceExhausted)
            #expect(refused.map { StoreError($0).code } == .tooManyWatches)
            await rpc.close()

            streams[1] = nil
            try await waitForWatches(2, client)
            let again = try await client.watch(request)
            try await client.set("key", "2")
            for stream in [again] + streams.compactMap({ $0 }) { #expect(try await next(stream)?.version == 2) }
        }
    }

    /// The next event of a stream that others read on.
    private func next(_ stream: WatchStream) async throws -> Event? {
        for try await update in stream {
            if case .events(let events) = update { return events.last }
        }
        return nil
    }
}
