internal import CairnModel
internal import Testing

// Waiting for a lock that another client has.

extension Check {
    static let lockWaiting: [Check] = [
        Check("who waits for a lock gets it when it is given back", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "1")
            let first = try await store.lock("key", for: .seconds(600), clientID: "ann")
            async let waited = store.acquireLock(LockRequest("key", for: .seconds(600), clientID: "bob", wait: nil))
            async let second = store.acquireLock(LockRequest("key", for: .seconds(600), clientID: "bob", wait: nil))
            try await store.unlock("key", clientID: "ann")
            let lock = try await waited
            #expect(lock.owner == "bob" && lock.token > first.token)
            // The same client: it extends what it has.
            let again = try await second
            #expect(again.token == lock.token)
        },
        Check("many who wait all get the lock, one after the other", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "0")
            try await withThrowingTaskGroup(of: Ref.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let client = "client \(number)"
                        let lock = try await store.acquireLock(
                            LockRequest("key", for: .seconds(600), clientID: client, wait: nil))
                        let record = try await store.get("key", clientID: client)
                        let count = Int(record?.value.text ?? "") ?? -1
                        try await store.set("key", Value("\(count + 1)"), clientID: client)
                        try await store.unlock("key", clientID: client)
                        return lock.token
                    }
                }
                var tokens: [Ref] = []
                for try await token in group { tokens.append(token) }
                #expect(Set(tokens).count == 8)
            }
            let record = try await store.get("key")
            #expect(record?.value == "8")
        },
        Check("who waits gets the lock when the holder's key ends, if it may make the key anew", requires: [.locks]) {
            home in
            let store = home.store
            try await store.lock("key", for: .seconds(600), createIfMissing: true, clientID: "ann")
            async let waited = store.acquireLock(
                LockRequest("key", for: .seconds(600), createIfMissing: true, clientID: "bob", wait: nil))
            try await store.delete("key", clientID: "ann")
            let lock = try await waited
            #expect(lock.owner == "bob")
        },
        Check("who gives up waiting has not got the lock, and holds up nobody", requires: [.locks]) { home in
            let store = home.store
            try await store.set("key", "1")
            let lock = try await store.lock("key", for: .seconds(600), clientID: "ann")
            let impatient = Task {
                try await store.acquireLock(LockRequest("key", for: .seconds(600), clientID: "bob", wait: nil))
            }
            impatient.cancel()
            let given = await impatient.result
            #expect(throws: StoreError.self) { try given.get() }
            let short = await home.refusal { () async throws(StoreError) in
                try await store.acquireLock(
                    LockRequest("key", for: .seconds(600), clientID: "carl", wait: .zero))
            }
            #expect(short?.code == .keyLocked && short?.ref == lock.token)
            try await store.unlock("key", clientID: "ann")
            let next = try await store.lock("key", for: .seconds(600), clientID: "dora")
            #expect(next.owner == "dora")
        },
        Check("a wait that is over is told as the lock of the other", requires: [.locks], drivesTime: true) { home in
            let store = home.store
            try await store.set("key", "1")
            // Long after the wait, whatever the clock does.
            try await store.lock("key", for: .seconds(50 * 365 * 86_400), clientID: "ann")
            let waiting = Task {
                try await store.acquireLock(LockRequest("key", for: .seconds(1), clientID: "bob", wait: .seconds(5)))
            }
            // Time passes until it is over, however late the wait began; each step lets others have the thread.
            let clock = Task {
                while !Task.isCancelled {
                    try await home.advance(by: .seconds(1))
                    try await home.settle()
                }
            }
            let result = await waiting.result
            clock.cancel()
            _ = await clock.result
            let error = #expect(throws: StoreError.self) { try result.get() }
            #expect(error?.code == .keyLocked)
        },
        Check("a wait can't be negative", requires: [.locks]) { home in
            let refused = await home.refusal { () async throws(StoreError) in
                try await home.store.acquireLock(
                    LockRequest("key", for: .seconds(1), clientID: "ann", wait: .seconds(-1)))
            }
            #expect(refused?.code == .invalidArgument)
        },
    ]
}
