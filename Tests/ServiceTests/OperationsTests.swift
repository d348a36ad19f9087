import CairnClient
import CairnKeyspace
import CairnMemory
import CairnModel
import CairnProtocol
import CairnRPC
import CairnServer
import CairnTestSupport
import Logging
import Testing

/// What those who run a server rely on: read-only, stopping, figures.
@Suite("Operating a server")
struct OperationsTests {
    /// Runs `body` with a server whose drain time would outlast the test.
    private func withServer(_ body: (CairnServer, Keyspace, ManualClock) async throws -> Void) async throws {
        let clock = ManualClock()
        let metrics = MetricRegistry()
        var options = KeyspaceOptions()
        options.clock = clock
        options.metrics = metrics
        let store = try await Keyspace.open(options: options) { () throws(StoreError) -> any Engine in MemoryEngine() }
        metrics.beforeReading { store.sampleMetrics() }
        var configuration = CairnServer.Configuration(
            grpc: RPCServerConfiguration(addresses: [.hostPort("127.0.0.1", 0)]))
        configuration.drainTime = .seconds(86_400)
        configuration.metrics = metrics
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = try await CairnServer(store: store, configuration: configuration, logger: quiet)
        do {
            try await body(server, store, clock)
        } catch {
            await server.stop()
            await store.close()
            throw error
        }
        await server.stop()
        await store.close()
    }

    @Test("read-only: every kind of write is refused with its reason, with and without a task; nothing is changed")
    func readOnly() async throws {
        try await withServer { server, _, _ in
            let client = try CairnClient(to: server.addresses)
            try await client.set("a", "1")
            let lease = try await client.commit(Transaction(then: [.grantLease(duration: .seconds(60))]))
            guard case .lease(let granted)? = lease.results.first else { throw StoreError(.internal, "no lease") }
            server.isReadOnly = true
            let writes: [[Operation]] = [
                [.set("a", "2")], [.set("a", "2", lease: nil, expiry: .after(.seconds(5)))], [.delete("a")],
                [.deleteRange(.all)], [.grantLease(duration: nil)], [.keepAlive(granted.id)],
                [.expireLease(granted.id)], [.acknowledge(consumer: "c", through: 1)], [.compact(before: 1)],
                [.resetConsumer("c", to: 0)], [.deleteConsumer("c")], [.touch("a")], [.clear(.all, force: true)],
                [.lock("a", duration: .seconds(1))], [.unlock("a")], [.prune([PruneCandidate("a", updatedRef: 1)])],
            ]
            for operations in writes {
                let error = await #expect(throws: StoreError.self) {
                    _ = try await client.commit(Transaction(then: operations))
                }
                #expect(error?.code == .readOnly && error?.retry == .never, "\(operations)")
            }
            let both = Transaction(if: [Condition("a", .present)], then: [.get("a")], otherwise: [.delete("a")])
            await #expect(throws: StoreError.self) { _ = try await client.commit(both) }
            let read = try await client.commit(Transaction(if: [Condition("a", .present)], then: [.get("a")]))
            guard case .read(let record)? = read.results.first else { throw StoreError(.internal, "no record") }
            #expect(record?.version == 1)
            #expect(try await client.status().headRef == 1)
            server.isReadOnly = false
            #expect(try await client.set("a", "2").version == 2)
            await client.close()
        }
    }

    @Test("read-only: watches go on, and what is due expires")
    func readOnlyExpiry() async throws {
        try await withServer { server, _, clock in
            let client = try CairnClient(to: server.addresses)
            try await client.set("a", "1", expiry: .after(.seconds(5)))
            server.isReadOnly = true
            var updates = try await client.watch(WatchRequest(range: .all)).makeAsyncIterator()
            clock.advance(by: .seconds(6))
            var kinds: [Event.Kind] = []
            while kinds.isEmpty, let update = try await updates.next() {
                if case .events(let events) = update { kinds = events.map(\.kind) }
            }
            #expect(kinds == [.expired])
            #expect(try await client.get("a") == nil)
            await client.close()
        }
    }

    @Test("a server that stops ends every open watch with UNAVAILABLE at once, and then is gone")
    func stopEndsWatches() async throws {
        try await withServer { server, _, _ in
            let clients = try (0..<3).map { _ in try RPCClient(target: RPCTarget(addresses: server.addresses)) }
            var streams: [RPCResponseStream<Cairn_V1_WatchResponse>.AsyncIterator] = []
            for client in clients {
                for _ in 0..<4 {
                    let stream: RPCResponseStream<Cairn_V1_WatchResponse> = try client.serverStreaming(
                        "cairn.v1.Log/Watch", Cairn_V1_WatchRequest())
                    var responses = stream.makeAsyncIterator()
                    // The first response says that the watch is open.
                    _ = try await responses.next()
                    streams.append(responses)
                }
            }
            await server.stop()
            for var responses in streams {
                let error = await #expect(throws: RPCError.self) {
                    while try await responses.next() != nil {}
                }
                #expect(error?.code == .unavailable && error?.message == "the server is shutting down")
            }
            for client in clients { await client.close() }
        }
    }

    @Test("stats tell of calls with and without a task, events, and a watch that is behind")
    func stats() async throws {
        try await withServer { server, store, _ in
            let client = try CairnClient(to: server.addresses)
            for number in 0..<10 { try await client.set(Key("k/\(number)"), "x") }
            let watch = try await store.watch(WatchRequest(range: .all, start: .ref(3)))
            let stats = try await client.serverStats()
            #expect(stats.headRef == 10 && stats.events == ["created": 10] && stats.keys == 10)
            #expect(stats.watchers == 1 && stats.watchersBehind == 1 && stats.watchLagEvents == 8)
            #expect(stats.transactions == 10 && stats.batchSeconds.counts.reduce(0, +) == Int(stats.batches))
            let sets = stats.calls.first { $0.method == "cairn.v1.KeyValue/Set" }
            #expect(sets?.started == 10 && sets?.ended == ["OK": 10])
            #expect(stats.connections == 1 && stats.home == "memory")
            withExtendedLifetime(watch) {}
            await client.close()
        }
    }
}
