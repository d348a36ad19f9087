import CairnClient
import CairnModel
import CairnRPC
import Testing

/// What a client does when the connection breaks: streams go on, safe calls are repeated, others say what is not known.
@Suite("Broken connections", .timeLimit(.minutes(10)))
struct BrokenConnectionTests {
    private func withProxy(
        attempts: Int = 5, _ body: (CutProxy, ServedStore, CairnClient) async throws -> Void
    ) async throws {
        var proxies: [CutProxy] = []
        try await withServedStore(
            through: { served in
                let proxy = try CutProxy(to: served.port)
                proxies.append(proxy)
                return .hostPort("127.0.0.1", proxy.port)
            }, client: { $0.attempts = attempts }
        ) { served, client in
            try await body(proxies[0], served, client)
        }
        for proxy in proxies { proxy.close() }
    }

    @Test("a watch goes on where it was: nothing is left out or comes twice", arguments: [false, true])
    func watchResumes(fromStart: Bool) async throws {
        try await withProxy { proxy, _, client in
            if fromStart { try await client.set("k", "0") }
            let stream = try await client.watch(
                WatchRequest(range: .all, start: fromStart ? .ref(1) : .now))
            var updates = stream.makeAsyncIterator()
            var refs: [Ref] = []
            for round in 1...5 {
                for value in 1...3 { try await client.set("k", Value("\(round)/\(value)"), requestID: .random()) }
                let head = try await client.status().headRef
                proxy.cut()
                try await client.set("k", "while it is cut", requestID: .random())
                while (refs.last ?? 0) < head.next, let update = try await updates.next() {
                    if case .events(let events) = update { refs += events.map(\.ref) }
                }
            }
            #expect(refs == (1...refs.count).map { Ref(Int64($0)) })
            #expect(refs.count == 20 + (fromStart ? 1 : 0))
            #expect(proxy.opened > 5)
        }
    }

    @Test("a watch that waits for a first event goes on from where it was opened")
    func watchFromNowResumes() async throws {
        try await withProxy { proxy, _, client in
            try await client.set("before", "1")
            let stream = try await client.watch(WatchRequest(range: .all))
            var updates = stream.makeAsyncIterator()
            proxy.cut()
            let written = try await client.set("after", "1", requestID: .random())
            while let update = try await updates.next() {
                guard case .events(let events) = update else { continue }
                #expect(events.map(\.ref) == [written.updatedRef])
                break
            }
        }
    }

    @Test("a watch of reads and events says that reads may be missing, and misses no event")
    func watchOfReadsResumes() async throws {
        try await withProxy { proxy, _, client in
            try await client.set("k", "0")
            var updates = try await client.watch(WatchRequest(range: .all, kinds: [.accessed, .updated]))
                .makeAsyncIterator()
            var (refs, names, missed): ([Ref], [String], [MissedAccesses]) = ([], [], [])
            func readUntil(_ isEnough: () -> Bool) async throws {
                while !isEnough(), let update = try await updates.next() {
                    if case .events(let events) = update { refs += events.map(\.ref) }
                    if case .accesses(let accesses, let more) = update {
                        names += accesses.map(\.clientID)
                        if more != .none { missed.append(more) }
                    }
                }
            }
            for round in 1...3 {
                _ = try await client.get("k", clientID: "before \(round)")
                try await readUntil { names.last == "before \(round)" }
                proxy.cut()
                let written = try await client.set("k", Value("\(round)"), requestID: .random())
                try await readUntil { refs.last == written.updatedRef && missed.count == round }
            }
            #expect(refs == [2, 3, 4] && names == ["before 1", "before 2", "before 3"])
            #expect(missed == [.unknown, .unknown, .unknown])
        }
    }

    @Test("reads, and writes with a request id, are repeated; the write happens once")
    func safeCalls() async throws {
        try await withProxy { proxy, _, client in
            try await client.set("k", "0")
            for round in 1...5 {
                proxy.cutAtNextAnswer()
                #expect(try await client.get("k")?.version == Int64(round))
                proxy.cutAtNextAnswer()
                let record = try await client.set("k", Value("\(round)"), requestID: .random())
                #expect(record.version == Int64(round) + 1)
            }
            #expect(try await client.status().headRef == 6)
            #expect(proxy.opened >= 10)
        }
    }

    @Test("any other write says that its outcome is unknown, and happened once or not at all")
    func unsafeCalls() async throws {
        try await withProxy { proxy, _, client in
            for round in 1...5 {
                let key = Key("k\(round)")
                proxy.cutAtNextAnswer()
                do throws(StoreError) {
                    try await client.set(key, "1")
                    Issue.record("the answer was swallowed")
                } catch {
                    #expect(error.code == .unavailable && error.retry == .unknownOutcome, "\(error)")
                }
                let version = try await client.get(key)?.version ?? 0
                #expect((0...1).contains(version))
            }
        }
    }

    @Test("a server that can't be reached: an error that says so, and that nothing happened")
    func unreachable() async throws {
        let proxy = try CutProxy(to: 1)
        var configuration = CairnClient.Configuration()
        configuration.attempts = 2
        let client = try CairnClient(to: [.hostPort("127.0.0.1", proxy.port)], configuration: configuration)
        await #expect(throws: StoreError.self) { try await client.get("k") }
        proxy.close()
        do throws(StoreError) {
            try await client.set("k", "1")
            Issue.record("there is no server")
        } catch {
            #expect(error.code == .unavailable)
        }
        await client.close()
    }

    @Test("closing a client ends its streams and refuses its calls, whatever its server does")
    func closing() async throws {
        try await withProxy { _, _, client in
            let stream = try await client.watch(WatchRequest(range: .all))
            await client.close()
            var updates = stream.makeAsyncIterator()
            await #expect(throws: StoreError.self) { while try await updates.next() != nil {} }
            do throws(StoreError) {
                _ = try await client.get("k")
                Issue.record("the client is closed")
            } catch {
                #expect(error.code == .closed)
            }
        }
    }
}
