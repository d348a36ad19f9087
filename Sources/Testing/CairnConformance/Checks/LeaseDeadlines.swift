internal import CairnModel
internal import Testing

// What happens as time passes. `settle` commits a transaction, before which all that is due expires.

extension Check {
    static let leaseDeadlines: [Check] = [
        Check("a key expires at its deadline and not before", requires: [.leases, .eventLog], drivesTime: true) {
            home in
            let store = home.store
            let record = try await store.set("key", "1", expiry: .after(.seconds(10)))
            try await home.advance(by: .seconds(10) - .microseconds(1))
            try await home.settle()
            let before = try await store.get("key")
            #expect(before == record)
            try await home.advance(by: .microseconds(1))
            try await home.settle()
            let after = try await store.get("key")
            #expect(after == nil)
            let events = try await home.events()
            #expect(events.map(\.kind) == [.created, .expired])
            #expect(events[1].version == 2)
            #expect(events[1].clientID == "")
        },
        Check("a deadline that has passed is accepted, and the key expires at once", requires: [.leases, .eventLog]) {
            home in
            let store = home.store
            var reader = EventReader(try await store.watch(WatchRequest(range: .all)))
            let record = try await store.set("key", "1", expiry: .at(Timestamp(microseconds: 0)))
            #expect(record.version == 1)
            let created = try await reader.next()
            #expect(created?.kind == .created)
            let expired = try await reader.next()
            #expect(expired?.kind == .expired)
            #expect(expired?.key == "key")
            let read = try await store.get("key")
            #expect(read == nil)
        },
        Check("a watcher hears of an expiry although nobody writes", requires: [.leases, .eventLog], drivesTime: true) {
            home in
            let store = home.store
            try await store.set("key", "1", expiry: .after(.seconds(10)))
            var reader = EventReader(try await store.watch(WatchRequest(range: .all)))
            try await home.advance(by: .seconds(11))
            let event = try await reader.next()
            #expect(event?.kind == .expired)
            #expect(event?.key == "key")
        },
        Check("a renewal just before the deadline saves the lease", requires: [.leases], drivesTime: true) { home in
            let store = home.store
            let grant = try await store.grantLease(duration: .seconds(10))
            try await store.set("key", "1", lease: grant.id)
            for _ in 0..<3 {
                try await home.advance(by: .seconds(10) - .microseconds(1))
                let renewed = try await store.keepAlive(grant.id)
                #expect(renewed.duration == .seconds(10))
            }
            try await home.advance(by: .seconds(9))
            try await home.settle()
            let record = try await store.get("key")
            #expect(record != nil)
            try await home.advance(by: .seconds(1))
            try await home.settle()
            let gone = try await store.get("key")
            #expect(gone == nil)
        },
        Check("a renewal at the deadline comes too late", requires: [.leases], drivesTime: true) { home in
            let grant = try await home.store.grantLease(duration: .seconds(10))
            try await home.advance(by: .seconds(10))
            let error = await home.refusal { () async throws(StoreError) in try await home.store.keepAlive(grant.id) }
            #expect(error?.code == .leaseNotFound)
        },
        Check("a set with a later deadline saves the key too", requires: [.leases], drivesTime: true) { home in
            let store = home.store
            try await store.set("key", "1", expiry: .after(.seconds(10)))
            try await home.advance(by: .seconds(9))
            try await store.set("key", "2", expiry: .after(.seconds(10)))
            try await home.advance(by: .seconds(9))
            try await home.settle()
            let record = try await store.get("key")
            #expect(record?.value == "2")
        },
        Check("an earlier deadline set later is kept", requires: [.leases, .eventLog], drivesTime: true) { home in
            let store = home.store
            try await store.set("late", "1", expiry: .after(.seconds(100)))
            try await store.set("early", "1", expiry: .after(.seconds(10)))
            var reader = EventReader(try await store.watch(WatchRequest(range: .all)))
            try await home.advance(by: .seconds(10))
            let first = try await reader.next()
            #expect(first?.key == "early")
            try await home.advance(by: .seconds(90))
            let second = try await reader.next()
            #expect(second?.key == "late")
        },
        Check("leases expire in the order of their deadlines", requires: [.leases, .eventLog], drivesTime: true) {
            home in
            let store = home.store
            for seconds in [4, 0, 3, 1, 2] {
                try await store.set(Key("key\(seconds)"), "1", expiry: .after(.seconds(10 + seconds)))
            }
            try await home.advance(by: .seconds(14))
            try await home.settle()
            let keys = try await home.events("", from: 6).map(\.key)
            #expect(keys == ["key0", "key1", "key2", "key3", "key4"])
        },
        Check(
            "the keys of a lease expire together, as one transaction", requires: [.leases, .eventLog], drivesTime: true
        ) { home in
            let store = home.store
            let grant = try await store.grantLease(duration: .seconds(10))
            for key: Key in ["c", "a", "b"] { try await store.set(key, "1", lease: grant.id) }
            try await home.advance(by: .seconds(10))
            try await home.settle()
            let events = try await home.events("", from: 4)
            #expect(events.map(\.key) == ["a", "b", "c"])
            #expect(events.map(\.transactionCount) == [3, 3, 3])
            let status = try await store.lease(grant.id, withKeys: true)
            #expect(status == nil)
        },
        Check(
            "a set of a key on a lease that is due starts a new life", requires: [.leases, .eventLog], drivesTime: true
        ) { home in
            let store = home.store
            let first = try await store.set("key", "1", expiry: .after(.seconds(10)))
            try await home.advance(by: .seconds(10))
            // Never a lease that is not found: a plain set names none.
            let second = try await store.set("key", "2")
            #expect(second.version == 3)
            #expect(second.leaseID != first.leaseID)
            #expect(second.createdRef == second.updatedRef)
            let kinds = try await home.kinds()
            #expect(kinds == [.created, .expired, .created])
        },
        Check(
            "a lease whose keys were deleted one by one ends in silence", requires: [.leases, .eventLog],
            drivesTime: true
        ) { home in
            let store = home.store
            try await store.set("key", "1", expiry: .after(.seconds(10)))
            try await store.delete("key")
            try await store.set("key", "2")
            try await home.advance(by: .seconds(20))
            try await home.settle()
            let record = try await store.get("key")
            #expect(record?.value == "2")
        },
        Check("an end that was taken back does not come", requires: [.leases], drivesTime: true) { home in
            let store = home.store
            let grant = try await store.grantLease(duration: .seconds(10))
            try await store.set("granted", "1", lease: grant.id)
            try await store.set("own", "1", expiry: .after(.seconds(10)))
            try await store.keepAlive(grant.id, expiry: .never)
            try await store.set("own", "2", expiry: .never)
            try await home.advance(by: .seconds(1_000))
            try await home.settle()
            let keys = try await home.keys(ListRequest(range: .all))
            #expect(keys == ["granted", "own"])
            // It was given ten seconds once, and can be given them again.
            let again = try await store.keepAlive(grant.id)
            #expect(again.deadline != nil)
        },
        Check(
            "a lease with thousands of keys ends with all of them, and what is set meanwhile stays",
            requires: [.leases, .eventLog], drivesTime: true
        ) { home in
            let store = home.store
            let grant = try await store.grantLease(duration: .seconds(10))
            let keys = (0..<3_000).map { Key("key/\($0 + 10_000)") }
            for start in stride(from: 0, to: keys.count, by: 1_000) {
                let sets = keys[start..<start + 1_000].map { Operation.set($0, "1", lease: grant.id) }
                _ = try await store.commit(Transaction(then: sets))
            }
            var reader = EventReader(try await store.watch(WatchRequest(range: .all, kinds: [.expired])))
            try await home.advance(by: .seconds(10))
            // Whether all have ended by then or not, the set finds its key ended.
            let last = try await store.set(keys[2_999], "2")
            #expect(last.createdRef == last.updatedRef)
            let refused = await home.refusal { () async throws(StoreError) in
                try await store.set("key", "1", lease: grant.id)
            }
            #expect(refused?.code == .leaseNotFound)
            var expired: [Key] = []
            while expired.count < keys.count, let event = try await reader.next() { expired.append(event.key) }
            #expect(expired.sorted() == keys)
            let left = try await home.keys(ListRequest(range: .all))
            #expect(left == [keys[2_999]])
        },
        Check("a lease tells how long it has", requires: [.leases], drivesTime: true) { home in
            let store = home.store
            let grant = try await store.grantLease(duration: .seconds(10))
            try await home.advance(by: .seconds(4))
            let status = try await store.lease(grant.id, withKeys: false)
            #expect(status?.timeLeft == .seconds(6))
            let listed = try await store.leases(from: 0, limit: 10)
            #expect(listed.first?.timeLeft == .seconds(6))
        },
        Check("deadlines are kept to the microsecond", requires: [.leases], drivesTime: true) { home in
            let store = home.store
            let now = try await store.status().time
            let deadline = now + .microseconds(1_234_567)
            let record = try await store.set("key", "1", expiry: .at(deadline))
            let status = try await store.lease(record.leaseID, withKeys: false)
            #expect(status?.lease.deadline == deadline)
        },
    ]
}
