import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

/// How much a store tells of what its keys were.
@Suite("history, as much as is told")
struct HistoryLimitTests {
    private let clock = ManualClock()

    private func open(limit: Int?, tellsEnded: Bool = true) async throws -> Keyspace {
        var options = KeyspaceOptions()
        options.clock = clock
        (options.history.limit, options.history.tellsEnded) = (limit, tellsEnded)
        return try await Keyspace.open(options: options) { () throws(StoreError) in MemoryEngine() }
    }

    private func versions(_ store: Keyspace, _ key: Key = "key") async throws -> [Int64] {
        try await store.history(HistoryRequest(key)).revisions.map(\.record.version)
    }

    private func value(_ revision: Revision, _ store: Keyspace) async throws -> Value? {
        try await store.revision(of: "key", revision, clientID: "")?.record.value
    }

    @Test("the last states are told, as many as the limit says, and counted back from the last; the rest is not found")
    func limit() async throws {
        let store = try await open(limit: 3)
        try await store.set("key", "1")
        #expect(try await versions(store) == [1])
        for number in 2...4 { try await store.set("key", Value("\(number)")) }
        let page = try await store.history(HistoryRequest("key"))
        #expect(page.revisions.map(\.record.version) == [4, 3, 2])
        #expect(page.revisions.map(\.record.value) == ["4", "3", "2"] && page.revisions.allSatisfy { $0.time != nil })
        #expect(try await value(.version(2), store) == "2")
        #expect(try await value(.version(1), store) == nil)
        try await store.set("key", "final")
        #expect(try await versions(store) == [5, 4, 3])
        #expect(try await value(.version(2), store) == nil)
        for (back, told) in [(0, "final"), (1, "4"), (2, "3"), (3, nil)] as [(Int64, Value?)] {
            #expect(try await value(.back(back), store) == told, "\(back)")
        }
        // What is cleared is the log. The current state is told all the same, and versions go on.
        try await store.compact(before: 6)
        #expect(try await versions(store) == [5])
        #expect(try await store.set("key", "6").version == 6)
        #expect(try await versions(store) == [6])
        await store.close()
    }

    @Test("a limit of one tells the current state alone, and of none, nothing")
    func least() async throws {
        var store = try await open(limit: 1)
        try await store.set("key", "1")
        try await store.set("key", "2")
        #expect(try await versions(store) == [2])
        #expect(try await value(.version(2), store) == "2")
        #expect(try await value(.back(1), store) == nil)
        await store.close()
        store = try await open(limit: 0)
        try await store.set("key", "1")
        for revision: Revision in [.version(1), .back(0)] {
            let error = await #expect(throws: StoreError.self) { _ = try await value(revision, store) }
            #expect(error?.code == .historyOff)
        }
        let error = await #expect(throws: StoreError.self) { _ = try await versions(store) }
        #expect(error?.code == .historyOff)
        await store.close()
    }

    @Test("what a key was outlives it, and its next life goes on counting")
    func kept() async throws {
        let store = try await open(limit: 3)
        try await store.set("key", "1")
        try await store.set("key", "2")
        try await store.delete("key")
        #expect(try await versions(store) == [3, 2, 1])
        #expect(try await store.set("key", "2").version == 4)
        #expect(try await versions(store) == [4, 3, 2])
        await store.close()
    }

    @Test("unless a key's past is told after its end, nothing is, however it ended")
    func ended() async throws {
        let store = try await open(limit: nil, tellsEnded: false)
        for way in ["deleted", "expired", "pruned"] {
            try await store.set("key", "1")
            let last = try await store.set("key", "2", expiry: .lifespan(.seconds(10)))
            #expect(try await versions(store) == [last.version, last.version - 1])
            switch way {
            case "deleted": try await store.delete("key")
            case "expired":
                clock.advance(by: .seconds(10))
                _ = try await store.commit(Transaction(then: []))
            default:
                let candidate = PruneCandidate("key", updatedRef: last.updatedRef)
                _ = try await store.commit(Transaction(then: [.prune([candidate])]))
            }
            #expect(try await versions(store).isEmpty, "\(way)")
            for revision: Revision in [.version(last.version), .back(0), .back(1)] {
                #expect(try await value(revision, store) == nil, "\(way): \(revision)")
            }
        }
        #expect(try await store.set("key", "3").version == 10)
        #expect(try await versions(store) == [10])
        await store.close()
    }
}
