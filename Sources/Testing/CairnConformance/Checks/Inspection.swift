internal import CairnModel
internal import Testing

extension Check {
    static let inspection: [Check] = [
        Check("an inspection tells of the value without it", requires: [.eventLog]) { home in
            let created = try await home.store.set("key", "foo")
            let found = try #require(try await home.store.inspect("key"))
            #expect(found.size == 3 && found.hash == 15_902_901_984_413_996_407)
            #expect(found.contentType == "text/plain; charset=utf-8" && !found.isContentTypeGiven)
            #expect(found.record.value.bytes.isEmpty)
            #expect(found.record.version == 1 && found.record.updatedRef == created.updatedRef)
            let event = try #require(try await home.events().first)
            #expect(found.createdAt == event.time && found.updatedAt == event.time)
            #expect(found.lock == nil && found.lease.lease.id == created.leaseID && found.lease.timeLeft == nil)
            let whole = try await home.store.inspect("key", withValue: true, clientID: "")
            #expect(whole?.record == created)
        },
        Check("there is nothing to inspect of a key that isn't live") { home in
            try await home.store.set("key", "1")
            try await home.store.delete("key")
            for key: Key in ["key", "never"] {
                let found = try await home.store.inspect(key)
                #expect(found == nil)
            }
            let error = await home.refusal { () async throws(StoreError) in try await home.store.inspect("") }
            #expect(error?.code == .invalidKey)
        },
        Check("an inspection tells of the deadline and the lock", requires: [.locks]) { home in
            try await home.store.set("key", "1", expiry: .lifespan(.seconds(100)))
            let lock = try await home.store.lock("key", for: .seconds(50), clientID: "ann")
            let found = try #require(try await home.store.inspect("key"))
            #expect(found.lock?.lock == lock)
            let left = try #require(found.lock?.timeLeft)
            #expect(left > .zero && left <= .seconds(50))
            #expect(found.lease.lease.id.isLifespan && found.lease.lease.duration == .seconds(100))
            let leaseLeft = try #require(found.lease.timeLeft)
            #expect(leaseLeft > .zero && leaseLeft <= .seconds(100))
            #expect(found.record.lockToken == lock.token)
        },
        Check("a lock keeps others from the value that is inspected, and from nothing else", requires: [.locks]) {
            home in
            try await home.store.set("key", "bar")
            try await home.store.lock("key", for: .seconds(50), clientID: "ann")
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.inspect("key", withValue: true, clientID: "bob")
            }
            #expect(error?.code == .keyLocked)
            let bobs = try await home.store.inspect("key", withValue: false, clientID: "bob")
            #expect(bobs?.hash == 16_101_355_973_854_746 && bobs?.size == 3)
            let anns = try await home.store.inspect("key", withValue: true, clientID: "ann")
            #expect(anns?.record.value == "bar")
        },
        Check("times of events that are no longer kept are not told", requires: [.compaction]) { home in
            try await home.store.set("key", "1")
            let second = try await home.store.set("key", "2")
            try await home.store.compact(before: second.updatedRef)
            let found = try await home.store.inspect("key")
            #expect(found?.createdAt == nil && found?.updatedAt != nil)
        },
        Check("an empty value has no content type") { home in
            try await home.store.set("key", "")
            let found = try await home.store.inspect("key")
            #expect(found?.contentType == nil && found?.size == 0 && found?.hash == 14_695_981_039_346_656_037)
        },
    ]
}
