internal import CairnModel
internal import Testing

// A client's hold on a key. "ann" and "bob" are two clients; whoever comes without a name is a third.

extension Check {
    static let locks: [Check] = [
        Check("only the holder of a lock writes, and what it writes keeps the lock", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "1")
            let lock = try await store.lock("key", for: .seconds(60), clientID: "ann")
            #expect(lock.owner == "ann" && lock.key == "key" && lock.mode == .exclusive)
            for client in ["bob", ""] {
                let set = await home.refusal { () async throws(StoreError) in
                    try await store.set("key", "2", clientID: client)
                }
                #expect(set?.code == .keyLocked && set?.key == "key")
                let delete = await home.refusal { () async throws(StoreError) in
                    try await store.delete("key", clientID: client)
                }
                #expect(delete?.code == .keyLocked)
                let pop = await home.refusal { () async throws(StoreError) in
                    try await store.pop("key", clientID: client)
                }
                #expect(pop?.code == .keyLocked)
                let tree = await home.refusal { () async throws(StoreError) in
                    try await store.deleteTree("k", clientID: client)
                }
                #expect(tree?.code == .keyLocked)
            }
            let mine = try await store.set("key", "2", clientID: "ann")
            #expect(mine.version == 2 && mine.lockToken == lock.token)
            let record = try await store.get("key", clientID: "ann")
            #expect(record?.value == "2")
        },
        Check("an exclusive lock keeps others from reading, a write lock doesn't", requires: [.locks]) { home in
            let store = home.store
            try await store.set("a", "1")
            try await store.set("b", "2")
            try await store.lock("a", for: .seconds(60), clientID: "ann")
            try await store.lock("b", for: .seconds(60), mode: .write, clientID: "ann")
            let refused = await home.refusal { () async throws(StoreError) in
                try await store.get("a", clientID: "bob")
            }
            #expect(refused?.code == .keyLocked)
            let nobody = await home.refusal { () async throws(StoreError) in try await store.get("a") }
            #expect(nobody?.code == .keyLocked)
            let readable = try await store.get("b", clientID: "bob")
            #expect(readable?.value == "2")
            let step = await home.refusal { () async throws(StoreError) in
                try await store.commit(Transaction(then: [.get("a")], clientID: "bob"))
            }
            #expect(step?.code == .keyLocked)
            // Lists leave the value out, and say so; that there is a key is no secret.
            let theirs = try await store.list(ListRequest(range: .all, clientID: "bob"))
            #expect(theirs.records.map(\.value) == ["", "2"])
            #expect(theirs.withheld == ["a"])
            let own = try await store.list(ListRequest(range: .all, clientID: "ann"))
            #expect(own.records.map(\.value) == ["1", "2"])
            #expect(own.withheld.isEmpty)
            let metadata = try await store.metadata(of: "a")
            #expect(metadata?.lockToken == theirs.records[0].lockToken && metadata?.lockToken != .zero)
        },
        Check("a lock is refused to others until it is given back", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "1")
            let first = try await store.lock("key", for: .seconds(60), clientID: "ann")
            let refused = await home.refusal { () async throws(StoreError) in
                try await store.lock("key", for: .seconds(1), clientID: "bob")
            }
            #expect(refused?.code == .keyLocked)
            #expect(refused?.ref == first.token)
            let stolen = await home.refusal { () async throws(StoreError) in
                try await store.unlock("key", clientID: "bob")
            }
            #expect(stolen?.code == .keyLocked)
            try await store.unlock("key", clientID: "ann")
            // Once more does nothing.
            try await store.unlock("key", clientID: "ann")
            let free = try await store.lock(of: "key")
            #expect(free == nil)
            let second = try await store.lock("key", for: .seconds(60), clientID: "bob")
            #expect(second.token > first.token)
            let found = try await store.lock(of: "key")
            #expect(found?.lock == second)
        },
        Check("the token is the ref of the event that granted the lock, and extending keeps it", requires: [.locks]) {
            home in
            let store = home.store
            try await store.set("key", "1")
            let lock = try await store.lock("key", for: .seconds(10), clientID: "ann")
            #expect(lock.token == 2)
            let again = try await store.lock("key", for: .seconds(20), clientID: "ann")
            #expect(again.token == lock.token && again.duration == .seconds(20))
            let extended = try await store.extendLock(again, for: .seconds(30))
            #expect(extended.token == lock.token && extended.duration == .seconds(30))
            try await store.unlock("key", clientID: "ann")
            let late = await home.refusal { () async throws(StoreError) in
                try await store.extendLock(extended, for: .seconds(1))
            }
            #expect(late?.code == .conditionFailed)
        },
        Check("a condition on the token holds under that lock alone", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "1", if: .lockToken(.equal, 0))
            let lock = try await store.lock("key", for: .seconds(60), clientID: "ann")
            try await store.set("key", "2", if: .lockToken(.equal, lock.token), clientID: "ann")
            try await store.unlock("key", clientID: "ann")
            let next = try await store.lock("key", for: .seconds(60), clientID: "ann")
            let late = await home.refusal { () async throws(StoreError) in
                try await store.set("key", "3", if: .lockToken(.equal, lock.token), clientID: "ann")
            }
            #expect(late?.code == .conditionFailed)
            try await store.set("key", "4", if: .lockToken(.greater, lock.token), clientID: "ann")
            #expect(next.token > lock.token)
        },
        Check("a lock and a set go together in a transaction", requires: [.locks, .transactions]) { home in
            let store = home.store
            let result = try await store.commit(
                Transaction(
                    then: [.set("key", "1"), .lock("key", duration: .seconds(60)), .set("key", "2")], clientID: "ann"))
            guard case .lock(let lock?) = result.results[1] else {
                Issue.record("no lock was told")
                return
            }
            #expect(lock.token == 2)
            let refused = await home.refusal { () async throws(StoreError) in
                try await store.commit(
                    Transaction(then: [.set("other", "1"), .set("key", "3")], clientID: "bob"))
            }
            #expect(refused?.code == .keyLocked)
            let other = try await store.get("other")
            #expect(other == nil)
        },
        Check("a missing key is created for a lock only if that is asked for", requires: [.locks]) { home in
            let store = home.store
            let missing = await home.refusal { () async throws(StoreError) in
                try await store.lock("key", for: .seconds(1), clientID: "ann")
            }
            #expect(missing?.code == .keyNotFound)
            let unlock = await home.refusal { () async throws(StoreError) in
                try await store.unlock("key", clientID: "ann")
            }
            #expect(unlock?.code == .keyNotFound)
            let lock = try await store.lock("key", for: .seconds(60), createIfMissing: true, clientID: "ann")
            #expect(lock.token == 2)
            let record = try await store.get("key", clientID: "ann")
            #expect(record?.value == "" && record?.version == 1)
        },
        Check("a key that is created for a lock goes on counting, and outlives the lock", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "1")
            try await store.delete("key")
            try await store.lock("key", for: .seconds(60), createIfMissing: true, clientID: "ann")
            let locked = try await store.get("key", clientID: "ann")
            #expect(locked?.version == 3 && locked?.createdVersion == 3)
            try await store.unlock("key", clientID: "ann")
            let open = try await store.get("key", clientID: "bob")
            #expect(open?.value == "" && open?.version == 3)
        },
        Check("a lock needs a name for its holder, and a possible duration", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "1")
            let nameless = await home.refusal { () async throws(StoreError) in
                try await store.lock("key", for: .seconds(1), clientID: "")
            }
            #expect(nameless?.code == .invalidArgument)
            for duration in [Duration.zero, .seconds(-1), .seconds(101 * 365 * 86_400)] {
                let refused = await home.refusal { () async throws(StoreError) in
                    try await store.lock("key", for: duration, clientID: "ann")
                }
                #expect(refused?.code == .invalidArgument, "\(duration)")
            }
            let key = await home.refusal { () async throws(StoreError) in
                try await store.lock("", for: .seconds(1), clientID: "ann")
            }
            #expect(key?.code == .invalidKey)
        },
        Check("a lock goes with its key, and a new life of the key has none", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "1")
            try await store.lock("key", for: .seconds(60), clientID: "ann")
            let tombstone = try await store.delete("key", clientID: "ann")
            #expect(tombstone.lockToken == .zero)
            let locks = try await store.locks(from: 0, limit: 10)
            #expect(locks.isEmpty)
            let record = try await store.set("key", "2", clientID: "bob")
            #expect(record.lockToken == .zero && record.version == 3)
        },
        Check("clearing leaves locked keys, and with force doesn't", requires: [.locks]) { home in
            let store = home.store
            for key in ["a/1", "a/2", "a/3", "b"] as [Key] { try await store.set(key, "1") }
            try await store.lock("a/2", for: .seconds(60), clientID: "ann")
            // Even those of the caller.
            let some = try await store.clear(KeyRange(prefix: "a/"), clientID: "ann")
            #expect(some.map(\.key) == ["a/1", "a/3"])
            let rest = try await store.clear(KeyRange(prefix: "a/"), force: true, clientID: "bob")
            #expect(rest.map(\.key) == ["a/2"])
            let left = try await home.keys(ListRequest(range: .all))
            #expect(left == ["b"])
            let locks = try await store.locks(from: 0, limit: 10)
            #expect(locks.isEmpty)
        },
        Check("locks are listed by token, in pages", requires: [.locks]) { home in
            let store = home.store
            var tokens: [Ref] = []
            for key in ["a", "b", "c"] as [Key] {
                tokens.append(
                    try await store.lock(key, for: .seconds(60), createIfMissing: true, clientID: "ann").token)
            }
            let first = try await store.locks(from: 0, limit: 2)
            #expect(first.map(\.lock.token) == Array(tokens.prefix(2)))
            #expect(first.allSatisfy { $0.timeLeft > .zero && $0.timeLeft <= .seconds(60) })
            let rest = try await store.locks(from: tokens[1].next, limit: 2)
            #expect(rest.map(\.lock.token) == [tokens[2]])
        },
    ]
}
