import CairnClient
import CairnKeyspace
import CairnModel
import CairnProtocol
import CairnRPC
import CairnSecurity
import CairnWire
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

@testable import CairnServer

/// A clock that is set, and counts who looks at it: each call that is asked anew who makes it does, and no other unless
/// what it shows expires.
private final class CountingClock: Sendable {
    private let state = Mutex((time: Timestamp(microseconds: 1_000_000_000), looks: 0))

    var looks: Int { state.withLock { $0.looks } }

    func now() -> Timestamp {
        state.withLock { state in
            state.looks += 1
            return state.time
        }
    }

    func set(seconds: Int64) { state.withLock { $0.time = Timestamp(microseconds: seconds * 1_000_000) } }
}

/// Gets and sets of callers that the server knows already, which it answers without a task.
@Suite("The short way of known callers")
struct ShortWayTests {
    private let entries = [
        entry("web", [.init("web/", .readWrite), .init("config/", .read), .init("log/", .write)]),
        entry("other", [.init("other/", .readWrite)]), entry("root", admin: true),
        entry("service", [.init("", .readWrite)], clientID: "service-1"),
    ]

    /// The code with which `body` is refused.
    private func code(_ body: () async throws -> Void) async -> StoreError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? StoreError)?.code
        }
    }

    @Test("who was let in once isn't asked again on its connection, until something changes; another connection is")
    func known() async throws {
        let clock = CountingClock()
        try await withSecuredServer(entries, now: clock.now) { (secured) async throws in
            try await secured.client("web") { (web) async throws in
                try await web.set("web/a", "0")
                #expect(clock.looks == 1)
                for number in 1...10 {
                    try await web.set("web/a", Value("\(number)"))
                    #expect(try await web.get("web/a")?.value == Value("\(number)"))
                    #expect(try await web.get("web/none") == nil)
                }
                #expect(clock.looks == 1)
                // What is more than a key and a value is asked each time.
                _ = try await web.get("web/a", clientID: "me")
                try await web.set("web/a", "11", clientID: "me")
                #expect(clock.looks == 3)
                secured.access.replace(adminClientIDs: ["somebody"])
                for _ in 0..<3 { _ = try await web.get("web/a") }
                #expect(clock.looks == 4)
            }
            try await secured.client("web") { _ = try await $0.get("web/a") }
            #expect(clock.looks == 5)
        }
    }

    @Test("a known caller may do what it may, and is refused the rest in the same words, whether the key exists or not")
    func permissions() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            try await secured.client("root") { (root) async throws in
                for key: Key in ["web/a", "config/a", "log/a", "secret/a"] { try await root.set(key, "1") }
            }
            let head = try await secured.store.status().headRef
            try await secured.client("web") { (web) async throws in
                #expect(try await web.get("web/a")?.value == "1")
                #expect(try await web.get("config/a")?.value == "1")
                for prefix in ["secret", "log"] {
                    try await expectSameRefusal(prefix) { _ = try await web.get($0) }
                }
                for prefix in ["secret", "config"] {
                    try await expectSameRefusal(prefix) { try await web.set($0, "2") }
                }
                #expect(try await secured.store.status().headRef == head)
                try await web.set("log/a", "2")
                #expect(try await web.get("web/a")?.value == "1", "it is known still")
                // Of a key that can't be there is said what is said to anybody.
                #expect(await code { _ = try await web.get("") } == .permissionMissing)
            }
            try await secured.client("root") { (root) async throws in
                _ = try await root.get("web/a")
                #expect(await code { _ = try await root.get("") } == .invalidKey)
                #expect(await code { try await root.set("", "1") } == .invalidKey)
            }
        }
    }

    /// Asks for a key that exists and for one that doesn't, of the same length.
    private func expectSameRefusal(_ prefix: String, _ ask: (Key) async throws -> Void) async throws {
        var refusals: [StoreError] = []
        for name in ["a", "b"] {
            let key = Key("\(prefix)/\(name)")
            do {
                try await ask(key)
                Issue.record("\(key) was not refused")
            } catch var error as StoreError {
                #expect(error.code == .permissionMissing && error.key == key && error.ref == nil)
                error.message = error.message.replacing(key.text, with: "KEY")
                error.key = nil
                refusals.append(error)
            }
        }
        #expect(refusals.count == 2 && refusals.first == refusals.last)
    }

    @Test("a token that is taken away, or may do less, is good for nothing more at once, on its open connection too")
    func revoked() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            try await secured.client("web") { (web) async throws in
                try await web.set("web/a", "1")
                for _ in 0..<3 { #expect(try await web.get("web/a") != nil) }
                secured.access.replace(policy: AccessPolicy(entries: [entry("web", [.init("web/", .read)])]))
                #expect(await code { try await web.set("web/a", "2") } == .permissionMissing)
                #expect(try await web.get("web/a")?.value == "1")
                secured.access.replace(policy: AccessPolicy(entries: [entry("root", admin: true)]))
                #expect(await code { _ = try await web.get("web/a") } == .tokenInvalid)
                #expect(await code { try await web.set("web/a", "2") } == .tokenInvalid)
                // And good again, when it is given back.
                secured.access.replace(policy: AccessPolicy(entries: entries))
                for value: Value in ["2", "3"] { try await web.set("web/a", value) }
                #expect(try await web.get("web/a")?.value == "3")
            }
            // Who was an admin by its client id is none any more.
            try await secured.client("service") { (service) async throws in
                secured.access.replace(policy: AccessPolicy(entries: [entry("service", clientID: "service-1")]))
                secured.access.replace(adminClientIDs: ["service-1"])
                for _ in 0..<3 { #expect(try await service.get("web/a")?.value == "3") }
                secured.access.replace(adminClientIDs: [])
                #expect(await code { _ = try await service.get("web/a") } == .permissionMissing)
            }
        }
    }

    /// Signed with HMAC-SHA256 and the secret of ``expired()``: `{"sub":"job","exp":2000,"cairn":{"permissions":
    /// [{"prefix":"web/","allow":"read-write"}]}}`.
    private static let signedToken =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        + "eyJzdWIiOiJqb2IiLCJleHAiOjIwMDAsImNhaXJuIjp7InBlcm1pc3Npb25zIjpbeyJwcmVmaXgiOiJ3ZWIvIiwiYW"
        + "xsb3ciOiJyZWFkLXdyaXRlIn1dfX0."
        + "0vuCycnFRbM6VjWXNwlP5I3T_s2H4eTLTJ_yKwNgc08"

    @Test("tokens and JSON Web Tokens that expire are good for nothing from then on, on open connections too")
    func expired() async throws {
        let clock = CountingClock()
        var temporary = entry("temporary", [.init("web/", .readWrite)])
        temporary.expires = Timestamp(microseconds: 2_000_000_000)
        let keys = try await JWTKeys(Array("0123456789abcdef0123456789abcdef".utf8), path: "key")
        try await withSecuredServer([temporary], jwt: JWTVerifier(keys: keys), now: clock.now) {
            (secured) async throws in
            for token in ["temporary-token", ShortWayTests.signedToken] {
                clock.set(seconds: 1_000)
                var configuration = CairnClient.Configuration()
                configuration.token = token
                let client = try CairnClient(to: [secured.address], configuration: configuration)
                clock.set(seconds: 1_999)
                for value: Value in ["1", "2", "3"] {
                    try await client.set("web/a", value)
                    #expect(try await client.get("web/a")?.value == value)
                }
                clock.set(seconds: 2_000)
                #expect(await code { _ = try await client.get("web/a") } == .tokenExpired)
                #expect(await code { try await client.set("web/a", "4") } == .tokenExpired)
                await client.close()
            }
            #expect(try await secured.store.get("web/a")?.value == "3")
        }
    }

    @Test("calls of several tokens on one connection are each their own; what shows several, or none, is refused")
    func severalTokens() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            let rpc = try secured.rpc()
            func get(_ key: String, _ tokens: String...) async throws -> StoreError.Code? {
                var metadata = RPCMetadata()
                for token in tokens { metadata.add("authorization", "Bearer \(token)") }
                do {
                    let _: Cairn_V1_GetResponse = try await rpc.unary(
                        "cairn.v1.KeyValue/Get", Cairn_V1_GetRequest.with { $0.key = Data(key.utf8) },
                        options: RPCCallOptions(metadata: metadata))
                    return nil
                } catch let error as RPCError {
                    return StoreError(error).code
                }
            }
            try await secured.client("root") { (root) async throws in
                for key: Key in ["web/a", "other/a"] { try await root.set(key, "1") }
            }
            for _ in 0..<3 {
                #expect(try await get("web/a", "web-token") == nil)
                #expect(try await get("web/a", "web-token") == nil)
                #expect(try await get("web/a", "web-token", "web-token") == .tokenInvalid)
                #expect(try await get("web/a", "web-token", "other-token") == .tokenInvalid)
                #expect(try await get("web/a") == .tokenMissing)
                #expect(try await get("web/a", "web-tokem") == .tokenInvalid)
                #expect(try await get("web/a", "web-token2") == .tokenInvalid)
                #expect(try await get("other/a", "web-token") == .permissionMissing)
                #expect(try await get("web/a", "other-token") == .permissionMissing)
                #expect(try await get("other/a", "other-token") == nil)
            }
            await rpc.close()
        }
    }

    @Test("what is done by the short way is done in the caller's name: events, locks, reads, and who is a client")
    func names() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            let reads = try await secured.store.watch(WatchRequest(range: .all, kinds: [.accessed]))
            try await secured.client("service") { (service) async throws in
                for _ in 0..<3 { try await service.set("web/a", "1") }
                _ = try await service.acquireLock(LockRequest("web/a", for: .seconds(60), clientID: ""))
                for _ in 0..<2 { #expect(try await service.get("web/a")?.value == "1") }
                try await service.set("web/a", "2")
            }
            try await secured.client("web") { (web) async throws in
                _ = try await web.get("config/none")
                #expect(await code { _ = try await web.get("web/a") } == .keyLocked)
                #expect(await code { try await web.set("web/a", "3") } == .keyLocked)
                try await web.set("web/b", "1")
                _ = try await web.get("web/b")
            }
            var readers: [String] = []
            for try await case .accesses(let accesses, _) in reads {
                readers += accesses.map(\.clientID)
                if readers.count >= 3 { break }
            }
            #expect(readers == ["service-1", "service-1", "web"])
            var writers: [String] = []
            let events = try await secured.store.watch(WatchRequest(range: .all, start: .ref(0), untilHead: true))
            for try await case .events(let found) in events { writers += found.map(\.clientID) }
            #expect(writers == Array(repeating: "service-1", count: 5) + ["web"])
            let clients = try await secured.client("root") { try await $0.knownClients() }
            #expect(clients.first { $0.id == "service-1" }?.calls == 7)
            #expect(clients.first { $0.id == "web" }?.calls == 5)
        }
    }

    @Test("a server that takes no writes refuses a known caller's, too")
    func readOnly() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            try await secured.client("web") { (web) async throws in
                for _ in 0..<2 { try await web.set("web/a", "1") }
                secured.server.isReadOnly = true
                #expect(await code { try await web.set("web/a", "2") } == .readOnly)
                #expect(await code { try await web.set("secret/a", "2") } == .permissionMissing)
                #expect(try await web.get("web/a")?.value == "1")
            }
        }
    }
}
