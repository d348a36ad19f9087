import CairnClient
import CairnKeyspace
import CairnModel
import CairnProtocol
import CairnRPC
import CairnSecurity
import CairnTestWaits
import CairnWire
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

@testable import CairnServer

/// What becomes of calls that are open when what they were let in with is taken away.
@Suite("Open calls whose callers lose their rights", .timeLimit(.minutes(5)))
struct RevocationTests {
    private static let entries = [
        entry("web", [.init("web/", .readWrite)], consumers: ["web-"]), entry("root", admin: true),
    ]
    /// The same without `web`.
    private static let withoutWeb = AccessPolicy(entries: [entry("root", admin: true)])

    /// How a stream ends; its messages are passed over.
    private func end<Responses: AsyncSequence>(of responses: Responses) async -> StoreError? {
        do {
            for try await _ in responses {}
            return nil
        } catch let error as StoreError {
            return error
        } catch {
            return (error as? RPCError).map { StoreError($0) }
        }
    }

    @Test("a watch ends when its token is taken away, with words that say so; it isn't opened again")
    func watch() async throws {
        try await withSecuredServer(Self.entries) { (secured) async throws in
            try await secured.client("web") { (web) async throws in
                let stream = try await web.watch(WatchRequest(range: KeyRange(prefix: "web/")))
                secured.access.replace(policy: Self.withoutWeb)
                let error = await end(of: stream)
                #expect(error?.code == .tokenInvalid && error?.retry == .never)
                #expect(error?.message.hasPrefix("the call ends, as it would be refused by now:") == true)
            }
        }
    }

    @Test("streams of consumers and of keep-alives, an import, and the wait for a lock end just so")
    func others() async throws {
        try await withSecuredServer(Self.entries) { (secured) async throws in
            let lock = LockRequest("web/a", for: .seconds(3600), clientID: "", wait: .seconds(3600))
            try await secured.client("root") { (root) async throws in
                try await root.set("web/a", "1")
                _ = try await root.acquireLock(lock)
            }
            let rpc = try secured.rpc()
            let options = RPCCallOptions(metadata: ["authorization": "Bearer web-token"])
            let (consumed, events) = try rpc.bidirectional(
                "cairn.v1.Consumers/Consume", options: options, sending: Cairn_V1_ConsumeRequest.self,
                as: Cairn_V1_WatchResponse.self)
            try await consumed.write(
                .with {
                    $0.name = "web-1"
                    $0.range = KeyRange(prefix: "web/").wire
                })
            var updates = events.makeAsyncIterator()
            #expect(try await updates.next()?.hasOpenedAtRef == true)
            let (kept, answers) = try rpc.bidirectional(
                "cairn.v1.Leases/KeepAliveStream", options: options, sending: Cairn_V1_KeepAliveRequest.self,
                as: Cairn_V1_LeaseResponse.self)
            let lease = try await secured.client("web") { try await $0.grantLease(duration: .seconds(60)).id }
            try await kept.write(.with { $0.id = lease.rawValue })
            var kinds = answers.makeAsyncIterator()
            #expect(try await kinds.next()?.hasLease == true)
            async let waiting = secured.refusal("web", clientID: "waiter") { _ = try await $0.acquireLock(lock) }
            try await secured.client("root") { (root) async throws in
                try await eventually("the waiter is known") {
                    try await root.knownClients().contains { $0.id == "waiter" }
                }
            }
            secured.access.replace(policy: Self.withoutWeb)
            #expect(await end(of: events)?.code == .tokenInvalid)
            #expect(await end(of: answers)?.code == .tokenInvalid)
            #expect(try await waiting == .tokenInvalid)
            withExtendedLifetime((consumed, kept)) {}
            await rpc.close()
        }
    }

    @Test("a watch ends when it may no longer read all that it watches; one that still may goes on")
    func narrowed() async throws {
        try await withSecuredServer(Self.entries) { (secured) async throws in
            try await secured.client("web") { (web) async throws in
                let wide = try await web.watch(WatchRequest(range: KeyRange(prefix: "web/")))
                let narrow = try await web.watch(WatchRequest(range: KeyRange(prefix: "web/a/")))
                secured.access.replace(
                    policy: AccessPolicy(entries: [entry("web", [.init("web/a/", .read)]), entry("root", admin: true)]))
                let error = await end(of: wide)
                #expect(error?.code == .permissionMissing && error?.message.contains("may not read") == true)
                try await secured.client("root") { try await $0.set("web/a/b", "1") }
                var keys: [Key] = []
                var updates = narrow.makeAsyncIterator()
                while keys.isEmpty, let update = try await updates.next() {
                    if case .events(let events) = update { keys = events.map(\.key) }
                }
                #expect(keys == ["web/a/b"])
            }
        }
    }

    @Test("a stream goes by the rights of now: what it asks for after they were taken away is refused")
    func rightsOfNow() async throws {
        try await withSecuredServer(Self.entries) { (secured) async throws in
            let rpc = try secured.rpc()
            let (requests, answers) = try rpc.bidirectional(
                "cairn.v1.Leases/KeepAliveStream",
                options: RPCCallOptions(metadata: ["authorization": "Bearer web-token"]),
                sending: Cairn_V1_KeepAliveRequest.self, as: Cairn_V1_LeaseResponse.self)
            let lease = try await secured.client("web") { try await $0.grantLease(duration: .seconds(60)).id }
            var iterator = answers.makeAsyncIterator()
            try await requests.write(.with { $0.id = lease.rawValue })
            #expect(try await iterator.next()?.hasLease == true)
            secured.access.replace(policy: AccessPolicy(entries: [entry("web", [.init("web/", .read)])]))
            try await requests.write(.with { $0.id = lease.rawValue })
            let error = await #expect(throws: RPCError.self) { while try await iterator.next() != nil {} }
            #expect(error.map { StoreError($0).code } == .permissionMissing)
            await rpc.close()
        }
    }

    @Test("a watch ends when its token expires")
    func expired() async throws {
        let time = Mutex(Timestamp(microseconds: 1_000_000))
        var temporary = entry("temporary", [.init("", .read)])
        temporary.expires = Timestamp(microseconds: 2_000_000)
        try await withSecuredServer([temporary], now: { time.withLock { $0 } }) { (secured) async throws in
            try await secured.client("temporary") { (client) async throws in
                let stream = try await client.watch(WatchRequest(range: .all))
                time.withLock { $0 = Timestamp(microseconds: 2_000_000) }
                #expect(await end(of: stream)?.code == .tokenExpired)
            }
        }
    }
}
