internal import CairnModel
internal import Testing

extension Check {
    static let leases: [Check] = [
        Check("keys can share the lease of another key", requires: [.leases, .eventLog]) { home in
            let store = home.store
            let first = try await store.set("key1", "1")
            let second = try await store.set("key2", "1")
            #expect(second.leaseID != first.leaseID)
            let moved = try await store.set("key2", "2", lease: first.leaseID)
            #expect(moved.version == 2)
            #expect(moved.leaseID == first.leaseID)
            let third = try await store.set("key3", "1", lease: first.leaseID)
            #expect(third.version == 1)
            let status = try await store.lease(first.leaseID, withKeys: true)
            #expect(status?.keys == ["key1", "key2", "key3"])
            try await store.delete("key3")
            let live = try await home.keys(ListRequest(range: .all))
            #expect(live == ["key1", "key2"])
            let kinds = try await home.kinds()
            #expect(kinds == [.created, .created, .updated, .created, .deleted])
        },
        Check("an expired lease takes its keys with it, each with an event", requires: [.leases, .eventLog]) { home in
            let store = home.store
            let first = try await store.set("key1", "1")
            try await store.set("key2", "1", lease: first.leaseID)
            let ended = try await store.expireLease(first.leaseID, clientID: "me")
            #expect(ended.map(\.key) == ["key1", "key2"])
            #expect(ended.map(\.version) == [2, 2])
            let read = try await store.get("key1")
            #expect(read == nil)
            let deletion = await home.refusal { () async throws(StoreError) in try await store.delete("key2") }
            #expect(deletion?.code == .keyNotFound)
            let renewal = await home.refusal { () async throws(StoreError) in try await store.keepAlive(first.leaseID) }
            #expect(renewal?.code == .leaseNotFound)
            let again = await home.refusal { () async throws(StoreError) in try await store.expireLease(first.leaseID) }
            #expect(again?.code == .leaseNotFound)
            let events = try await home.events()
            #expect(events.map(\.kind) == [.created, .created, .expired, .expired])
            #expect(events.map(\.clientID) == ["", "", "me", "me"])
            #expect(events.map(\.transactionCount) == [1, 1, 2, 2])
            let kinds = try await home.kinds("key1")
            #expect(kinds == [.created, .expired])
        },
        Check(
            "a lease that never was or has ended is not found, and nothing is written", requires: [.leases, .eventLog]
        ) { home in
            let store = home.store
            let unknown = await home.refusal { () async throws(StoreError) in try await store.set("key", "1", lease: 42)
            }
            #expect(unknown?.code == .leaseNotFound)
            let grant = try await store.grantLease(duration: nil)
            try await store.expireLease(grant.id)
            let ended = await home.refusal { () async throws(StoreError) in
                try await store.set("key", "1", lease: grant.id)
            }
            #expect(ended?.code == .leaseNotFound)
            let status = try await store.lease(grant.id, withKeys: true)
            #expect(status == nil)
            let head = try await store.status().headRef
            #expect(head == 0)
        },
        Check("a granted lease lives without keys, and ends without events", requires: [.leases, .eventLog]) { home in
            let store = home.store
            let grant = try await store.grantLease(duration: nil)
            #expect(grant.isGranted)
            #expect(grant.deadline == nil)
            try await store.set("key", "1", lease: grant.id)
            try await store.delete("key")
            let status = try await store.lease(grant.id, withKeys: true)
            #expect(status?.lease == grant)
            #expect(status?.keys == [])
            let ended = try await store.expireLease(grant.id)
            #expect(ended.isEmpty)
            let kinds = try await home.kinds()
            #expect(kinds == [.created, .deleted])
        },
        Check("a lease that nobody granted ends with its last key", requires: [.leases]) { home in
            let store = home.store
            let first = try await store.set("key1", "1", expiry: .after(.seconds(600)))
            try await store.delete("key1")
            let status = try await store.lease(first.leaseID, withKeys: true)
            #expect(status == nil)
            let listed = try await store.leases(from: 0, limit: 10)
            #expect(listed.isEmpty)
            let second = try await store.set("key2", "1", expiry: .after(.seconds(600)))
            let grant = try await store.grantLease(duration: nil)
            try await store.set("key2", "2", lease: grant.id)
            let left = try await store.lease(second.leaseID, withKeys: true)
            #expect(left == nil)
        },
        Check("a key that moves to another lease leaves its old one as it was", requires: [.leases]) { home in
            let store = home.store
            let a = try await store.grantLease(duration: .seconds(600))
            let b = try await store.grantLease(duration: .seconds(900))
            try await store.set("key1", "1", lease: a.id)
            try await store.set("key2", "1", lease: a.id)
            try await store.set("key2", "2", lease: b.id)
            let first = try await store.lease(a.id, withKeys: true)
            #expect(first?.lease == a)
            #expect(first?.keys == ["key1"])
            let second = try await store.lease(b.id, withKeys: true)
            #expect(second?.lease == b)
            #expect(second?.keys == ["key2"])
        },
        Check("a set that says nothing of expiry leaves lease and deadline alone", requires: [.leases]) { home in
            let store = home.store
            let first = try await store.set("key", "1", expiry: .after(.seconds(600)))
            let before = try await store.lease(first.leaseID, withKeys: true)
            #expect(before?.lease.deadline != nil)
            let second = try await store.set("key", "2")
            #expect(second.leaseID == first.leaseID)
            let after = try await store.lease(first.leaseID, withKeys: true)
            #expect(after?.lease == before?.lease)
        },
        Check("a deadline set for one key never touches a key it shares a lease with", requires: [.leases]) { home in
            let store = home.store
            let grant = try await store.grantLease(duration: .seconds(600))
            try await store.set("key1", "1", lease: grant.id)
            try await store.set("key2", "1", lease: grant.id)
            for expiry: Expiry in [.never, .after(.seconds(5)), .at(Timestamp(microseconds: .max))] {
                try await store.set("key2", "1", lease: grant.id)
                let alone = try await store.set("key2", "2", expiry: expiry)
                #expect(alone.leaseID != grant.id)
                let status = try await store.lease(grant.id, withKeys: true)
                #expect(status?.lease == grant)
                #expect(status?.keys == ["key1"])
            }
        },
        Check("a key can be told never to expire", requires: [.leases]) { home in
            let store = home.store
            let first = try await store.set("key", "1", expiry: .after(.seconds(600)))
            let second = try await store.set("key", "2", expiry: .never)
            #expect(second.leaseID == first.leaseID)
            let status = try await store.lease(first.leaseID, withKeys: true)
            #expect(status?.lease.deadline == nil)
            #expect(status?.timeLeft == nil)
            #expect(status?.keys == ["key"])
        },
        Check("a caller may choose a lease's number, once", requires: [.leases]) { home in
            let store = home.store
            let id = LeaseID(LeaseID.firstChosen.rawValue + 7)
            let grant = try await store.grantLease(id: id, duration: .seconds(600))
            #expect(grant.id == id)
            let again = await home.refusal { () async throws(StoreError) in
                try await store.grantLease(id: id, duration: nil)
            }
            #expect(again?.code == .leaseExists)
            try await store.expireLease(id)
            let anew = try await store.grantLease(id: id, duration: nil)
            #expect(anew.duration == nil)
            let numbered = try await store.grantLease(duration: nil)
            #expect(numbered.id < .firstChosen)
        },
        Check("leases that were granted or have a deadline are listed by number", requires: [.leases]) { home in
            let store = home.store
            let a = try await store.grantLease(duration: nil)
            try await store.set("plain", "1")
            let b = try await store.set("key", "1", expiry: .after(.seconds(600)))
            let c = try await store.grantLease(duration: .seconds(60))
            let all = try await store.leases(from: 0, limit: 10)
            #expect(all.map(\.lease.id) == [a.id, b.leaseID, c.id])
            #expect(all.map(\.lease.isGranted) == [true, false, true])
            let page = try await store.leases(from: b.leaseID, limit: 1)
            #expect(page.map(\.lease.id) == [b.leaseID])
        },
        Check("expiring a lease can be conditional", requires: [.leases, .transactions]) { home in
            let store = home.store
            let grant = try await store.grantLease(duration: nil)
            try await store.set("lock", "me", lease: grant.id)
            let error = await home.refusal { () async throws(StoreError) in
                try await store.expireLease(grant.id, if: [Condition("lock", .value(.equal, "you"))])
            }
            #expect(error?.code == .conditionFailed)
            let ended = try await store.expireLease(grant.id, if: [Condition("lock", .value(.equal, "me"))])
            #expect(ended.map(\.key) == ["lock"])
        },
        Check("a renewal makes no event and no version", requires: [.leases, .eventLog]) { home in
            let store = home.store
            let record = try await store.set("key", "1", expiry: .after(.seconds(600)))
            try await store.keepAlive(record.leaseID)
            try await store.keepAlive(record.leaseID, expiry: .after(.seconds(900)))
            let read = try await store.get("key")
            #expect(read == record)
            let head = try await store.status().headRef
            #expect(head == record.updatedRef)
        },
        Check("a lease that was never given a duration must be told one to be prolonged", requires: [.leases]) { home in
            let store = home.store
            let far = Timestamp(microseconds: 32_000_000_000_000_000)
            let record = try await store.set("key", "1", expiry: .at(far))
            let error = await home.refusal { () async throws(StoreError) in try await store.keepAlive(record.leaseID) }
            #expect(error?.code == .invalidArgument)
            let told = try await store.keepAlive(record.leaseID, expiry: .after(.seconds(60)))
            #expect(told.duration == .seconds(60))
            let plain = try await store.set("plain", "1")
            let forever = try await store.keepAlive(plain.leaseID)
            #expect(forever.deadline == nil)
        },
    ]
}
