internal import CairnModel
internal import Testing

// Touches, and sets that change nothing.
extension Check {
    static let touching: [Check] = [
        Check("a touch starts a lifespan anew, and makes no event", requires: [.locks, .eventLog], drivesTime: true) {
            home in
            let set = try await home.store.set("key", "1", expiry: .lifespan(.seconds(10)))
            try await home.advance(by: .seconds(6))
            let lease = try await home.store.touch("key")
            #expect(lease.id == set.leaseID && lease.duration == .seconds(10))
            try await home.advance(by: .seconds(6))
            try await home.settle()
            let record = try await home.store.get("key")
            #expect(record == set)
            let kinds = try await home.kinds()
            #expect(kinds == [.created])
            try await home.advance(by: .seconds(4))
            try await home.settle()
            let gone = try await home.store.get("key")
            #expect(gone == nil)
        },
        Check("a touch of a key without a lifespan changes nothing") { home in
            let set = try await home.store.set("key", "1")
            let dated = try await home.store.set("dated", "1", expiry: .after(.seconds(100)))
            let lease = try await home.store.touch("key")
            #expect(lease == Lease(id: set.leaseID, deadline: nil, duration: nil, isGranted: false))
            let before = try await home.store.lease(dated.leaseID, withKeys: false)
            let after = try await home.store.touch("dated")
            #expect(after == before?.lease)
            let records = [try await home.store.get("key"), try await home.store.get("dated")]
            #expect(records == [set, dated])
        },
        Check("a touch needs a live key") { home in
            try await home.store.set("key", "1")
            try await home.store.delete("key")
            for key: Key in ["key", "never"] {
                let error = await home.refusal { () async throws(StoreError) in try await home.store.touch(key) }
                #expect(error?.code == .keyNotFound)
            }
        },
        Check("only the holder of a lock touches the key", requires: [.locks]) { home in
            try await home.store.set("key", "1", expiry: .lifespan(.seconds(100)))
            try await home.store.lock("key", for: .seconds(10), mode: .write, clientID: "ann")
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.touch("key", clientID: "bob")
            }
            #expect(error?.code == .keyLocked)
            let lease = try await home.store.touch("key", clientID: "ann")
            #expect(lease.id.isLifespan)
        },
        Check("a set that would change nothing can be left out") { home in
            let first = try await home.store.set("key", "1", skipIfUnchanged: true)
            #expect(first.version == 1)
            let same = try await home.store.set("key", "1", skipIfUnchanged: true)
            #expect(same == first)
            let other = try await home.store.set("key", "2", skipIfUnchanged: true)
            #expect(other.version == 2 && other.updatedRef == first.updatedRef.next)
            let plain = try await home.store.set("key", "2")
            #expect(plain.version == 3)
            try await home.store.delete("key")
            let again = try await home.store.set("key", "2", skipIfUnchanged: true)
            #expect(again.version == 5)
        },
        Check("the result of a set that was left out tells where the log stood", requires: [.transactions]) { home in
            let first = try await home.store.set("key", "1")
            let other = try await home.store.set("other", "1")
            let result = try await home.store.commit(Transaction(then: [.set("key", "1", skipIfUnchanged: true)]))
            #expect(result.results == [.written(first)] && result.ref == other.updatedRef)
        },
        Check("a set that is left out starts a lifespan anew", requires: [.locks], drivesTime: true) { home in
            let set = try await home.store.set("key", "1", expiry: .lifespan(.seconds(10)))
            try await home.advance(by: .seconds(6))
            let same = try await home.store.set("key", "1", skipIfUnchanged: true)
            #expect(same == set)
            try await home.advance(by: .seconds(6))
            try await home.settle()
            let record = try await home.store.get("key")
            #expect(record == set)
        },
        Check("a set that is left out heeds its deadline; one that moves the key is not left out", requires: [.leases])
        {
            home in
            let set = try await home.store.set("key", "1", expiry: .after(.seconds(100)))
            let same = try await home.store.set("key", "1", expiry: .after(.seconds(200)), skipIfUnchanged: true)
            #expect(same == set)
            let status = try await home.store.lease(set.leaseID, withKeys: false)
            #expect(status?.lease.duration == .seconds(200))
            let lease = try await home.store.grantLease(duration: .seconds(100))
            let moved = try await home.store.set("key", "1", lease: lease.id, skipIfUnchanged: true)
            #expect(moved.version == 2 && moved.leaseID == lease.id)
            let stays = try await home.store.set("key", "1", lease: lease.id, skipIfUnchanged: true)
            #expect(stays == moved)
        },
        Check("a set that would change nothing is refused all the same while another has the lock", requires: [.locks])
        {
            home in
            try await home.store.set("key", "1")
            try await home.store.lock("key", for: .seconds(10), clientID: "ann")
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.set("key", "1", skipIfUnchanged: true, clientID: "bob")
            }
            #expect(error?.code == .keyLocked)
        },
    ]
}
