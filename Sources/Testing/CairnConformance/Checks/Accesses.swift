internal import CairnModel
internal import Testing

extension Check {
    static let accesses: [Check] = [
        Check(
            "a watch of reads is told of each value that is given to a reader, in order, and of nothing else",
            requires: [.accesses, .transactions, .locks]
        ) { home in
            let store = home.store
            for key: Key in ["a", "a", "b", "locked", "end"] { try await store.set(key, "1", clientID: "writer") }
            try await store.lock("locked", for: .seconds(50), clientID: "ann")
            let stream = try await store.watch(WatchRequest(range: .all, kinds: [.accessed]))
            _ = try await store.get("a", clientID: "ann")
            _ = try await store.get("b")
            _ = try await store.inspect("b", withValue: true, clientID: "bob")
            _ = try await store.commit(
                Transaction(then: [.get("a"), .get("none"), .set("c", "1"), .get("c")], clientID: "carl"))
            _ = try await store.commit(
                Transaction(
                    if: [Condition("none", .present)], then: [.get("a")], otherwise: [.get("b")], clientID: "dora"))
            _ = try await store.get("locked", clientID: "ann")
            try await readNothing(home)
            let popped = try await store.pop("a", clientID: "eve")
            _ = try await store.get("end")
            let told = try await reads(of: stream, upTo: "end")
            #expect(told.map(\.key) == ["a", "b", "b", "a", "c", "b", "locked", "a", "end"])
            #expect(told.map(\.clientID) == ["ann", "", "bob", "carl", "carl", "dora", "ann", "eve", ""])
            #expect(told.map(\.version) == [2, 1, 1, 2, 1, 1, 1, 2, 1])
            #expect(told.first?.updatedRef == 2 && popped?.version == 2)
            #expect(zip(told, told.dropFirst()).allSatisfy { $0.time <= $1.time })
        },
        Check("reads leave no trace in the log, and nobody is told who doesn't ask", requires: [.accesses]) { home in
            let store = home.store
            try await store.set("key", "1")
            let everything = try await store.watch(WatchRequest(range: .all))
            let accessed = try await store.watch(WatchRequest(range: .all, kinds: [.accessed]))
            let head = try await store.status().headRef
            for _ in 0..<10 { _ = try await store.get("key", clientID: "ann") }
            let told = try await reads(of: accessed, count: 10)
            #expect(told.count == 10)
            let after = try await store.status().headRef
            #expect(after == head)
            let next = try await store.set("key", "2")
            #expect(next.updatedRef == head.next && next.version == 2)
            var updates = everything.makeAsyncIterator()
            while let update = try await updates.next() {
                if case .accesses = update { Issue.record("told of reads, though nobody asked") }
                if case .events(let events) = update {
                    #expect(events.map(\.ref) == [head.next])
                    break
                }
            }
            let logged = try await home.events()
            #expect(logged.map(\.kind) == [.created, .updated])
            let replayed = try await home.events(
                of: WatchRequest(range: .all, start: .ref(0), kinds: [.accessed], untilHead: true))
            #expect(replayed.isEmpty)
        },
        Check("reads are told by range and by client", requires: [.accesses]) { home in
            let store = home.store
            for key: Key in ["a/1", "a/2", "b", "bb", "c"] { try await store.set(key, "1") }
            let stream = try await store.watch(
                WatchRequest(
                    ranges: [KeyRange(prefix: "a/"), KeyRange(single: "b")], kinds: [.accessed],
                    clientIDs: ["ann", "end"]))
            for key: Key in ["a/1", "a/2", "b", "bb", "c"] {
                for client in ["ann", "bob", ""] { _ = try await store.get(key, clientID: client) }
            }
            _ = try await store.get("b", clientID: "end")
            let told = try await reads(of: stream, count: 4)
            #expect(told.map(\.key) == ["a/1", "a/2", "b", "b"])
            #expect(told.map(\.clientID) == ["ann", "ann", "ann", "end"])
        },
        Check("events that are watched together with reads are whole, and can be resumed", requires: [.accesses]) {
            home in
            let store = home.store
            let kinds: Set<Event.Kind> = [.created, .updated, .accessed]
            var updates = try await store.watch(WatchRequest(range: .all, start: .ref(0), kinds: kinds))
                .makeAsyncIterator()
            for number in 0..<50 {
                try await store.set("key", Value("\(number)"))
                _ = try await store.get("key")
            }
            var refs: [Ref] = []
            var read: [Int64] = []
            while refs.count < 50 || read.count < 50, let update = try await updates.next() {
                switch update {
                case .events(let events): refs += events.map(\.ref)
                case .accesses(let accesses, let missed):
                    read += accesses.map(\.version)
                    #expect(missed == .none)
                case .progress(let ref): #expect(ref >= refs.last ?? 0)
                case .records: Issue.record("records that nobody asked for")
                }
            }
            #expect(refs == (1...50).map { Ref($0) } && read == Array(1...50))
            let again = try await home.events(
                of: WatchRequest(range: .all, start: .ref(31), kinds: kinds, untilHead: true))
            #expect(again.map(\.ref) == (31...50).map { Ref($0) })
        },
        Check("a consumer can't take reads", requires: [.accesses, .consumers]) { home in
            do {
                try await home.store.consume("worker", kinds: [.accessed, .created]) { _ in }
                Issue.record("it returned")
            } catch let error as StoreError {
                #expect(error.code == .invalidArgument)
            }
        },
    ]
}

/// What gives nobody a value that there is now.
private func readNothing(_ home: ConformanceStore) async throws {
    let store = home.store
    #expect(try await store.get("none", clientID: "bob") == nil)
    #expect(try await store.pop("none", clientID: "bob") == nil)
    let refused = await home.refusal { () async throws(StoreError) in try await store.get("locked", clientID: "bob") }
    #expect(refused?.code == .keyLocked)
    let inspected = await home.refusal { () async throws(StoreError) in
        try await store.inspect("locked", withValue: true, clientID: "bob")
    }
    #expect(inspected?.code == .keyLocked)
    let failed = await home.refusal { () async throws(StoreError) in
        try await store.commit(Transaction(then: [.get("b"), .get("locked")], clientID: "bob"))
    }
    #expect(failed?.code == .keyLocked)
    _ = try await store.inspect("b", withValue: false, clientID: "bob")
    _ = try await store.list(ListRequest(prefix: ""))
    _ = try await store.revision(of: "b", .back(0), clientID: "bob")
    _ = try await store.history(HistoryRequest("b"))
    _ = try await home.events()
    try await store.touch("b", clientID: "bob")
    try await store.set("b", "2", if: .version(.equal, 1), clientID: "bob")
}

/// What a stream tells of reads, to the first of `last`.
private func reads(of stream: WatchStream, upTo last: Key) async throws -> [KeyAccess] {
    try await reads(of: stream) { $0.last?.key == last }
}

/// The first reads that a stream tells of.
private func reads(of stream: WatchStream, count: Int) async throws -> [KeyAccess] {
    try await reads(of: stream) { $0.count >= count }
}

private func reads(of stream: WatchStream, until isEnough: ([KeyAccess]) -> Bool) async throws -> [KeyAccess] {
    var found: [KeyAccess] = []
    for try await update in stream {
        guard case .accesses(let accesses, let missed) = update else { continue }
        #expect(missed == .none)
        found += accesses
        if isEnough(found) { break }
    }
    return found
}
