import CairnClient
import CairnKeyspace
import CairnModel
import CairnProtocol
import CairnRPC
import CairnSecurity
import Testing

@testable import CairnServer

/// What callers may do, asked over the network.
@Suite("Permissions over gRPC")
struct PermissionDoorTests {
    private let entries = [
        entry("web", [.init("web/", .readWrite), .init("config/", .read)], consumers: ["web"]),
        entry("writer", [.init("log/", .write)]), entry("root", admin: true),
        entry("service", [.init("", .readWrite)], clientID: "service-1"),
    ]

    private func prepare(_ secured: SecuredServer) async throws {
        try await secured.client("root") { (root) async throws in
            for key: Key in ["web/a", "config/a", "secret/a", "log/a"] { try await root.set(key, "1") }
        }
    }

    @Test("reads: what may be read is read; the rest is refused, and whether it exists doesn't show")
    func reads() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            try await prepare(secured)
            try await secured.client("web") { (web) async throws in
                #expect(try await web.get("web/a")?.value == "1")
                #expect(try await web.get("config/a")?.value == "1")
                #expect(try await web.get("web/none") == nil)
                #expect(try await web.list(ListRequest(prefix: "web/")).records.count == 1)
                var messages: Set<String> = []
                for key: Key in ["secret/a", "secret/b"] {
                    let error = await #expect(throws: StoreError.self) { _ = try await web.get(key) }
                    #expect(error?.code == .permissionMissing && error?.key == key)
                    messages.insert(error?.message.replacing(key.text, with: "KEY") ?? "")
                    #expect(error?.ref == nil && error?.failedCondition == nil)
                }
                #expect(messages.count == 1)
            }
            let ranges: [KeyRange] = [
                .all, KeyRange(prefix: "we"), KeyRange(prefix: "secret/"), KeyRange(from: "web/", to: nil),
            ]
            for range in ranges {
                #expect(
                    try await secured.refusal("web") { _ = try await $0.list(ListRequest(range: range)) }
                        == .permissionMissing)
                for start in [WatchRequest.Start.now, .current, .ref(0)] {
                    let code = try await secured.refusal("web") {
                        _ = try await $0.watch(WatchRequest(range: range, start: start))
                    }
                    #expect(code == .permissionMissing, "\(range)")
                }
            }
            #expect(try await secured.refusal("writer") { _ = try await $0.get("log/a") } == .permissionMissing)
            // A page before the range is no way out of it.
            try await secured.client("web") { (web) async throws in
                let page = try await web.list(ListRequest(range: KeyRange(prefix: "web/"), page: "secret/"))
                #expect(page.records.map(\.key) == ["web/a"])
            }
        }
    }

    @Test("writes, by every method and in transactions; nothing of a refused one happens")
    func writes() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            try await prepare(secured)
            try await secured.client("web") { try await $0.set("web/b", "2") }
            try await secured.client("writer") { try await $0.set("log/b", "2") }
            let head = try await secured.store.status().headRef
            let refused: [Transaction] = [
                Transaction(then: [.set("config/a", "2")]), Transaction(then: [.delete("secret/a")]),
                Transaction(then: [.set("web/c", "1"), .set("secret/b", "1")]),
                Transaction(if: [Condition("web/a", .present)], then: [], otherwise: [.delete("secret/a")]),
                Transaction(if: [Condition("secret/a", .present)], then: [.set("web/c", "1")]),
                Transaction(then: [.get("secret/a")]), Transaction(then: [.deleteRange(.all)]),
                Transaction(then: [.clear(KeyRange(prefix: "s"), force: true)]),
                Transaction(then: [.lock("secret/a", duration: .seconds(5))], clientID: "x"),
                Transaction(then: [.acknowledge(consumer: "other", through: 1)]),
            ]
            for transaction in refused {
                let code = try await secured.refusal("web") { _ = try await $0.commit(transaction) }
                #expect(code == .permissionMissing, "\(transaction)")
            }
            #expect(try await secured.refusal("web") { try await $0.compact(before: 1) } == .notAdmin)
            #expect(
                try await secured.refusal("web") {
                    _ = try await $0.acquireLock(LockRequest("secret/a", for: .seconds(5), clientID: "x"))
                } == .permissionMissing)
            #expect(try await secured.refusal("web") { _ = try await $0.lock(of: "secret/a") } == .permissionMissing)
            #expect(
                try await secured.refusal("web") { _ = try await $0.locks(from: 1, limit: 9) } == .permissionMissing)
            #expect(try await secured.refusal("web") { _ = try await $0.snapshots() } == .notAdmin)
            #expect(try await secured.store.status().headRef == head)
        }
    }

    @Test("leases: who may not write every key on one may neither end it, prolong it, nor put a key on it")
    func leases() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            let (own, mixed) = try await secured.client("web") { (web) async throws in
                let own = try await web.grantLease(duration: .seconds(60)).id
                try await web.set("web/x", "1", lease: own)
                let mixed = try await web.grantLease(duration: .seconds(60)).id
                return (own, mixed)
            }
            try await secured.client("root") { try await $0.set("secret/x", "1", lease: mixed) }
            let touches: [[CairnModel.Operation]] = [
                [.keepAlive(mixed)], [.keepAlive(mixed, expiry: .after(.zero))], [.expireLease(mixed)],
                [.set("web/y", "1", lease: mixed)],
            ]
            for operations in touches {
                let code = try await secured.refusal("web") { _ = try await $0.commit(Transaction(then: operations)) }
                #expect(code == .permissionMissing, "\(operations)")
            }
            #expect(
                try await secured.refusal("web") { _ = try await $0.lease(mixed, withKeys: false) }
                    == .permissionMissing)
            #expect(
                try await secured.refusal("web") { _ = try await $0.leases(from: 1, limit: 9) } == .permissionMissing)
            // The number of a key's own lease can be guessed.
            let guessed = try await secured.store.get("secret/x")?.leaseID
            #expect(guessed == mixed)
            try await secured.client("web") { (web) async throws in
                #expect(try await web.lease(own, withKeys: true)?.keys == ["web/x"])
                #expect(try await web.lease(own, withKeys: false)?.keys == [])
                _ = try await web.keepAlive(own)
                let gone = await #expect(throws: StoreError.self) { _ = try await web.keepAlive(LeaseID(99_999)) }
                #expect(gone?.code == .leaseNotFound)
                #expect(try await web.expireLease(own).count == 1)
            }
        }
    }

    @Test("consumers are used by those who may use their names, and listed by those who may use all")
    func consumers() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            try await prepare(secured)
            try await secured.client("web") { (web) async throws in
                #expect(try await web.acknowledge("web-1", through: 1).cursor == 1)
                #expect(try await web.consumer("web-1")?.cursor == 1)
            }
            #expect(try await secured.refusal("web") { _ = try await $0.consumer("other") } == .permissionMissing)
            #expect(
                try await secured.refusal("web") { _ = try await $0.consumers(after: "", limit: 9) }
                    == .permissionMissing)
            #expect(
                try await secured.refusal("writer") { _ = try await $0.acknowledge("web-1", through: 2) }
                    == .permissionMissing)
            let all = try await secured.client("root") { try await $0.consumers(after: "", limit: 9) }
            #expect(all.count == 1)
        }
    }

    @Test("a client id that is fixed can't be taken by others, so its locks can't")
    func clientIDs() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            try await prepare(secured)
            let lock = try await secured.client("service") { (service) async throws in
                try await service.acquireLock(LockRequest("web/a", for: .seconds(60), clientID: ""))
            }
            #expect(lock.owner == "service-1")
            for (name, id) in [("web", "service-1"), ("root", "service-1"), ("service", "service-2")] {
                let code = try await secured.refusal(name, clientID: id) { try await $0.unlock("web/a", clientID: id) }
                #expect(code == .clientIDMismatch, "\(name)")
                let read = try await secured.refusal(name, clientID: id) { _ = try await $0.get("web/a") }
                #expect(read == .clientIDMismatch, "\(name)")
            }
            #expect(try await secured.refusal("web") { try await $0.unlock("web/a", clientID: "web") } == .keyLocked)
            try await secured.client("service", clientID: "service-1") { (service) async throws in
                try await service.unlock("web/a", clientID: "service-1")
                // Who gives none writes in the token's name.
            }
            try await secured.client("web") { try await $0.set("web/a", "3") }
            let events = try await secured.store.watch(WatchRequest(range: .all, start: .ref(0), untilHead: true))
            var clients: [String] = []
            for try await case .events(let found) in events { clients += found.map(\.clientID) }
            #expect(clients.last == "web" && clients.contains("service-1"))
        }
    }

    @Test("an admin makes the server read-only, and stops it; others can't")
    func admin() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            #expect(try await secured.refusal("service") { try await $0.setReadOnly(true) } == .notAdmin)
            #expect(try await secured.refusal(nil) { try await $0.shutdownServer() } == .tokenMissing)
            try await secured.client("root") { (root) async throws in
                try await root.setReadOnly(true)
                #expect(try await root.serverStats().isReadOnly)
                let refused = await #expect(throws: StoreError.self) { try await root.set("a", "1") }
                #expect(refused?.code == .readOnly)
                #expect(try await root.setReadOnly(false) == true)
            }
            // Who may not write isn't told whether writes are taken.
            secured.server.isReadOnly = true
            #expect(try await secured.refusal("web") { try await $0.set("secret/a", "1") } == .permissionMissing)
            let rpc = try secured.rpc()
            let stream: RPCResponseStream<Cairn_V1_WatchResponse> = try rpc.serverStreaming(
                "cairn.v1.Log/Watch", Cairn_V1_WatchRequest(),
                options: RPCCallOptions(metadata: ["authorization": "Bearer root-token"]))
            var responses = stream.makeAsyncIterator()
            #expect(try await responses.next()?.hasOpenedAtRef == true)
            async let run: Void = secured.server.run()
            try await secured.client("root") { try await $0.shutdownServer() }
            let end = await #expect(throws: RPCError.self) { while try await responses.next() != nil {} }
            #expect(end?.code == .unavailable && end?.message == "the server is shutting down")
            await run
            await rpc.close()
        }
    }

    @Test("a token that can't be sent is refused by the client")
    func unsendable() {
        for token in ["", "a b", "a\n", "é"] {
            var configuration = CairnClient.Configuration()
            configuration.token = token
            let error = #expect(throws: StoreError.self) {
                _ = try CairnClient(to: [.hostPort("127.0.0.1", 1)], configuration: configuration)
            }
            #expect(error?.code == .invalidArgument)
        }
    }
}
