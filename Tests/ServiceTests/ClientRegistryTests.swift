import CairnClient
import CairnModel
import CairnRPC
import Synchronization
import Testing

@testable import CairnServer

/// Which clients a server knows.
@Suite("Known clients")
struct ClientRegistryTests {
    /// A clock that goes on by a microsecond whenever it is looked at.
    private final class Clock: Sendable {
        private let time = Mutex<Int64>(0)

        func now() -> Timestamp {
            time.withLock { time in
                time += 1
                return Timestamp(microseconds: time)
            }
        }
    }

    @Test("when each was first and last seen, and how often; the last seen first")
    func seen() {
        let clock = Clock()
        let registry = ClientRegistry(now: { clock.now() })
        for name in ["ann", "bob", "", "ann", "carl", "ann"] { registry.note(name) }
        let clients = registry.list(limit: .max)
        #expect(clients.map(\.id) == ["ann", "carl", "bob"])
        #expect(clients[0].firstSeen.rawValue == 1 && clients[0].lastSeen.rawValue == 5 && clients[0].calls == 3)
        #expect(registry.list(limit: 1).map(\.id) == ["ann"])
    }

    @Test("when there are too many, those that were not seen for longest are forgotten")
    func bound() {
        let clock = Clock()
        let registry = ClientRegistry(capacity: 8, now: { clock.now() })
        for number in 0..<8 { registry.note("\(number)") }
        registry.note("0")
        registry.note("8")
        let names = registry.list(limit: .max).map(\.id)
        #expect(names == ["8", "0", "7", "6", "5", "4"])
        for number in 0..<1_000 { registry.note("n\(number)") }
        #expect(registry.list(limit: .max).count <= 8)
        #expect(registry.list(limit: 1).map(\.id) == ["n999"])
    }

    @Test("names are bounded in bytes together, too, and forgotten when they weren't seen for a day")
    func bytesAndTime() {
        let time = Mutex(Timestamp(microseconds: 0))
        let registry = ClientRegistry(byteCapacity: 1_000, now: { time.withLock { $0 } })
        func pass(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
        for number in 0..<1_000 {
            registry.note(String(repeating: "x", count: 90) + "\(number)")
            #expect(registry.list(limit: .max).reduce(0) { $0 + $1.id.utf8.count } <= 1_000)
            pass(.microseconds(1))
        }
        pass(ClientRegistry.memory - .seconds(3600))
        registry.note("late")
        #expect(registry.count > 1)
        pass(.seconds(7200))
        #expect(registry.list(limit: .max).map(\.id) == ["late"])
        pass(ClientRegistry.memory + .seconds(7200))
        #expect(registry.count == 0)
    }

    @Test("a name that is too long is refused before anything is kept of it, by every call that takes one")
    func tooLong() async throws {
        let long = String(repeating: "n", count: 256)
        try await withServedStore { served, client in
            try await client.set("key", "1")
            let calls: [@Sendable () async throws -> Void] = [
                { _ = try await client.get("key", clientID: long) },
                { _ = try await client.list(ListRequest(range: .all, clientID: long)) },
                { _ = try await client.inspect("key", withValue: true, clientID: long) },
                { _ = try await client.revision(of: "key", .version(1), clientID: long) },
                { _ = try await client.history(HistoryRequest("key", clientID: long)) },
                { try await client.set("key", "2", clientID: long) },
                { _ = try await client.acquireLock(LockRequest("key", for: .seconds(1), clientID: long)) },
                { try await client.unlock("key", clientID: long) },
                { _ = try await client.watch(WatchRequest(range: .all, clientIDs: [long])) },
            ]
            for (number, call) in calls.enumerated() {
                let error = await #expect(throws: StoreError.self) { try await call() }
                #expect(error?.code == .invalidArgument, "call \(number): \(String(describing: error))")
                #expect(error?.message.contains("nnn") == false, "call \(number)")
            }
            #expect(try await client.knownClients().isEmpty)
            #expect(try await client.get("key", clientID: String(long.dropLast()))?.value == "1")
            #expect(try await client.knownClients().count == 1)
        }
    }

    @Test("a server notes who reads, lists, writes and locks, and tells")
    func served() async throws {
        try await withServedStore(client: { $0.clientID = "carl" }) { _, client in
            try await client.set("key", "1", clientID: "ann")
            _ = try await client.get("key", clientID: "bob")
            _ = try await client.list(ListRequest(range: .all))
            try await client.lock("key", for: .seconds(10), clientID: "ann")
            _ = try await client.inspect("key")
            let clients = try await client.knownClients()
            #expect(clients.map(\.id) == ["carl", "ann", "bob"])
            #expect(clients.map(\.calls) == [2, 2, 1])
            #expect(clients.allSatisfy { $0.firstSeen <= $0.lastSeen })
            #expect(try await client.knownClients(limit: 1).map(\.id) == ["carl"])
        }
    }
}
