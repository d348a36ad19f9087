import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Testing

@testable import CairnKeyspace

/// When a keyspace prunes.
@Suite("pruning", .timeLimit(.minutes(10)))
struct PrunerTests {
    private let clock = ManualClock()

    private func open(
        maxKeys: Int? = nil, _ configure: (inout PruningOptions) -> Void = { _ in }
    ) async throws -> Keyspace {
        var options = KeyspaceOptions()
        options.clock = clock
        options.limits.keys = maxKeys
        // Only the pruner sleeps at these times.
        options.upkeepInterval = .seconds(100_000)
        configure(&options.pruning)
        return try await Keyspace.open(options: options) { () throws(StoreError) in MemoryEngine() }
    }

    private func keys(_ store: Keyspace) async throws -> [Key] {
        try await store.list(ListRequest(range: .all, keysOnly: true)).records.map(\.key)
    }

    /// Waits until `count` keys have been pruned, and returns them in that order.
    private func pruned(_ count: Int, _ store: Keyspace) async throws -> [Key] {
        var keys: [Key] = []
        for try await update in try await store.watch(WatchRequest(range: .all, start: .ref(0), kinds: [.pruned])) {
            if case .events(let events) = update { keys += events.map(\.key) }
            if keys.count >= count { break }
        }
        return keys
    }

    @Test("at intervals: if there are so many keys, down to so many, what is missed least first")
    func scheduled() async throws {
        let store = try await open { pruning in
            pruning.interval = .seconds(10)
            (pruning.at, pruning.to) = (46, 40)
            pruning.exempt = ["sys/"]
        }
        try await store.set("sys/a", "1")
        for number in 10..<54 { try await store.set(Key("k/\(number)"), "1") }
        let first = clock.now() + .seconds(10)
        try await clock.waitForSleeper(until: first)
        clock.advance(by: .seconds(10))
        // 45 keys are not enough; the next look comes after this one.
        try await clock.waitForSleeper(until: first + .seconds(10))
        #expect(try await keys(store).count == 45)
        try await store.set("k/54", "1")
        for number in 10..<13 { _ = try await store.get(Key("k/\(number)")) }
        clock.advance(by: .seconds(10))
        #expect(try await pruned(6, store) == (13..<19).map { Key("k/\($0)") })
        try await clock.waitForSleeper(until: first + .seconds(20))
        #expect(try await keys(store).count == 40)
        await store.close()
    }

    @Test("without a target nine tenths are left")
    func targets() {
        var options = PruningOptions()
        #expect(options.target == nil && options.eagerTarget == nil)
        options.at = 109
        #expect(options.target == 98)
        #expect(options.eagerTarget == 98)
        options.eagerAt = Int.max
        #expect(options.eagerTarget == Int.max / 10 * 9 + 6)
        options.eagerTo = 3
        #expect(options.eagerTarget == 3)
    }

    @Test("eagerly: as soon as there are so many keys; the newest stays")
    func eager() async throws {
        let store = try await open(maxKeys: 50) { pruning in (pruning.eagerAt, pruning.eagerTo) = (25, 22) }
        for round in 0..<3 {
            let first = round * 3
            for number in (round == 0 ? 0 : 22 + first)..<(25 + first) {
                clock.advance(by: .seconds(1))
                try await store.set(Key("k/\(100 + number)"), "1")
            }
            let ended = try await pruned(3 * (round + 1), store)
            #expect(ended == (0..<3 * (round + 1)).map { Key("k/\(100 + $0)") })
            #expect(try await keys(store).count == 22)
        }
        await store.close()
    }

    @Test("locked keys are never pruned, and when all are, there is no room for more")
    func locked() async throws {
        let store = try await open(maxKeys: 50) { pruning in (pruning.eagerAt, pruning.eagerTo) = (25, 22) }
        for number in 0..<50 {
            try await store.lock(
                Key("k/\(number)"), for: .seconds(600), createIfMissing: true, clientID: "ann")
        }
        let error = await #expect(throws: StoreError.self) {
            try await store.lock("more", for: .seconds(600), createIfMissing: true, clientID: "ann")
        }
        #expect(error?.code == .maxKeys)
        #expect(try await keys(store).count == 50)
        // What exists can still be set.
        try await store.set("k/1", "2", clientID: "ann")
        await store.close()
    }

    @Test("when there is no room for a new key, room is made, whichever way it is written")
    func room() async throws {
        let store = try await open(maxKeys: 10) { pruning in
            (pruning.at, pruning.to) = (10, 8)
            pruning.exempt = ["keep/"]
        }
        for number in 10..<25 { try await store.set(Key("k/\(number)"), "1") }
        for number in 25..<30 {
            let transaction = Transaction(then: [.set(Key("k/\(number)"), "1")])
            let answer = try await waiting(for: "the answer of a commit") { waiter in
                store.commit(transaction) { waiter.resume(returning: $0) }
            }
            #expect(try answer.get().ref > 0)
        }
        let left = try await keys(store)
        #expect(left.count == 10 && left.last == "k/29" && !left.contains("k/10"))
        // Two are made free at a time, so there never is room for three.
        let error = await #expect(throws: StoreError.self) {
            _ = try await store.commit(Transaction(then: (1...3).map { .set(Key("keep/\($0)"), "1") }))
        }
        #expect(error?.code == .maxKeys)
        for number in 1...10 { try await store.set(Key("keep/\(number)"), "1") }
        let full = await #expect(throws: StoreError.self) { try await store.set("keep/11", "1") }
        #expect(full?.code == .maxKeys)
        await store.close()
    }

    @Test("a home that would have to count can be pruned at intervals, and in no way that needs the count at once")
    func uncounted() async throws {
        var options = KeyspaceOptions()
        options.clock = clock
        options.upkeepInterval = .seconds(100_000)
        options.pruning.at = 20
        let store = try await Keyspace.open(options: options) { () throws(StoreError) in ScriptedEngine() }
        for number in 10..<32 { try await store.set(Key("k/\(number)"), "1") }
        try await clock.waitForSleeper(until: clock.now() + .seconds(60))
        clock.advance(by: .seconds(60))
        #expect(try await pruned(4, store) == ["k/10", "k/11", "k/12", "k/13"])
        #expect(try await keys(store).count == 18)
        await store.close()
        var counting = [options, options]
        counting[0].limits.keys = 100
        counting[1].pruning.eagerAt = 100
        for options in counting {
            let error = await #expect(throws: StoreError.self) {
                _ = try await Keyspace.open(options: options) { () throws(StoreError) in ScriptedEngine() }
            }
            #expect(error?.code == .unsupported)
        }
    }

    @Test("when asked to: down to what was asked for, but what is ignored stays; then there is nothing to do")
    func manual() async throws {
        let store = try await open()
        for number in 10..<20 { try await store.set(Key("k/\(number)"), "1") }
        try await store.lock("k/10", for: .seconds(10), clientID: "ann")
        #expect(try await store.prune(to: 7, ignoring: ["k/11"], clientID: "bob") == 3)
        let kept: [Key] = ["k/10", "k/11", "k/15", "k/16", "k/17", "k/18", "k/19"]
        #expect(try await keys(store) == kept)
        #expect(try await store.prune(to: 7, ignoring: [], clientID: "bob") == 0)
        #expect(try await store.prune(to: 8, ignoring: [], clientID: "bob") == 0)
        #expect(try await store.prune(to: 0, ignoring: [], clientID: "bob") == 6)
        #expect(try await keys(store) == ["k/10"])
        let error = await #expect(throws: StoreError.self) {
            _ = try await store.prune(to: -1, ignoring: [], clientID: "bob")
        }
        #expect(error?.code == .invalidArgument)
        await store.close()
    }

    @Test("many keys are pruned a thousand at a time, and no more than asked for")
    func many() async throws {
        let store = try await open()
        for piece in 0..<5 {
            _ = try await store.commit(
                Transaction(then: (0..<1_000).map { .set(Key("k/\(piece * 1_000 + $0)"), "1") }))
        }
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { try await store.prune(to: 1_500, ignoring: [], clientID: "") }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts.sorted() == [0, 0, 0, 3_500])
        #expect(try await keys(store).count == 1_500)
        let events = try await pruned(3_500, store)
        #expect(Set(events).count == 3_500)
        await store.close()
    }

    @Test(
        "what contradicts itself is refused",
        arguments: [
            (nil, 5, nil, nil, nil), (5, 5, nil, nil, nil), (0, nil, nil, nil, nil), (5, -1, nil, nil, nil),
            (nil, nil, nil, 5, nil), (nil, nil, 5, 5, nil), (6, nil, nil, nil, 5), (nil, nil, 6, nil, 5),
            (nil, nil, nil, nil, 0),
        ] as [(Int?, Int?, Int?, Int?, Int?)])
    func contradictions(at: Int?, to: Int?, eagerAt: Int?, eagerTo: Int?, maxKeys: Int?) async throws {
        let error = await #expect(throws: StoreError.self) {
            _ = try await open(maxKeys: maxKeys) { pruning in
                (pruning.at, pruning.to, pruning.eagerAt, pruning.eagerTo) = (at, to, eagerAt, eagerTo)
            }
        }
        #expect(error?.code == .invalidArgument)
    }
}
