internal import CairnModel
internal import Testing

// What the log tells of locks, and what time does to them.

extension Check {
    static let lockEvents: [Check] = [
        Check("locking and unlocking are events, and leave the version as it is", requires: [.locks, .eventLog]) {
            home in
            let store = home.store
            try await store.set("key", "1", clientID: "ann")
            let lock = try await store.lock("key", for: .seconds(60), clientID: "ann")
            try await store.lock("key", for: .seconds(60), clientID: "ann")
            try await store.set("key", "2", clientID: "ann")
            try await store.unlock("key", clientID: "ann")
            let events = try await home.events()
            #expect(events.map(\.kind) == [.created, .locked, .locked, .updated, .unlocked])
            #expect(events.map(\.version) == [1, 1, 1, 2, 2])
            #expect(events.map(\.lockToken) == [0, lock.token, lock.token, lock.token, 0])
            #expect(events.map(\.previousRef) == [nil, 1, 2, 3, 4])
            #expect(events.allSatisfy { $0.clientID == "ann" })
            let record = try await store.get("key")
            #expect(record?.version == 2 && record?.updatedRef == 5)
        },
        Check("a watch can ask for the events of locks alone", requires: [.locks, .eventLog]) { home in
            let store = home.store
            var reader = EventReader(try await store.watch(WatchRequest(range: .all, kinds: [.locked, .unlocked])))
            try await store.set("key", "1")
            try await store.lock("key", for: .seconds(60), clientID: "ann")
            try await store.set("key", "2", clientID: "ann")
            try await store.unlock("key", clientID: "ann")
            let first = try await reader.next()
            #expect(first?.kind == .locked)
            let second = try await reader.next()
            #expect(second?.kind == .unlocked)
        },
        Check("a lock ends at its deadline, with an event, and not before", requires: [.locks], drivesTime: true) {
            home in
            let store = home.store
            try await store.set("key", "1")
            try await store.lock("key", for: .seconds(10), clientID: "ann")
            try await home.advance(by: .seconds(10) - .microseconds(1))
            try await home.settle()
            let held = await home.refusal { () async throws(StoreError) in try await store.set("key", "2") }
            #expect(held?.code == .keyLocked)
            try await home.advance(by: .microseconds(1))
            let record = try await store.set("key", "2", clientID: "bob")
            #expect(record.lockToken == .zero)
            let events = try await home.events()
            #expect(events.map(\.kind) == [.created, .locked, .unlocked, .updated])
            #expect(events[2].clientID == "" && events[2].lockToken == .zero)
        },
        Check(
            "a watcher hears of a lock's end although nobody writes", requires: [.locks, .eventLog], drivesTime: true
        ) { home in
            let store = home.store
            try await store.set("key", "1")
            try await store.lock("key", for: .seconds(10), clientID: "ann")
            var reader = EventReader(try await store.watch(WatchRequest(range: .all)))
            try await home.advance(by: .seconds(11))
            let event = try await reader.next()
            #expect(event?.kind == .unlocked)
            let read = try await store.get("key")
            #expect(read?.value == "1")
        },
        Check("who may not read a locked key may when the lock has ended", requires: [.locks], drivesTime: true) {
            home in
            let store = home.store
            try await store.set("key", "bar")
            try await store.lock("key", for: .seconds(5), clientID: "ann")
            let own = try await store.get("key", clientID: "ann")
            #expect(own?.value == "bar")
            let refused = await home.refusal { () async throws(StoreError) in
                try await store.get("key", clientID: "bob")
            }
            #expect(refused?.code == .keyLocked && refused?.message.contains("locked by") == true)
            try await home.advance(by: .seconds(5))
            try await home.settle()
            let others = try await store.get("key", clientID: "bob")
            #expect(others?.value == "bar")
            let inspected = try await store.inspect("key", withValue: true, clientID: "bob")
            #expect(inspected?.record.value == "bar" && inspected?.lock == nil)
        },
        Check("a lock that its holder takes again counts from now", requires: [.locks], drivesTime: true) { home in
            let store = home.store
            try await store.lock("key", for: .seconds(10), createIfMissing: true, clientID: "ann")
            try await home.advance(by: .seconds(9))
            try await store.lock("key", for: .seconds(5), clientID: "ann")
            let status = try await store.lock(of: "key")
            #expect(status?.timeLeft == .seconds(5))
            try await home.advance(by: .seconds(5))
            try await home.settle()
            let gone = try await store.lock(of: "key")
            #expect(gone == nil)
        },
        Check("an extension counts from now", requires: [.locks], drivesTime: true) { home in
            let store = home.store
            try await store.set("key", "1")
            let lock = try await store.lock("key", for: .seconds(10), clientID: "ann")
            try await home.advance(by: .seconds(9))
            try await store.extendLock(lock, for: .seconds(10))
            try await home.advance(by: .seconds(9))
            try await home.settle()
            let status = try await store.lock(of: "key")
            #expect(status?.timeLeft == .seconds(1))
            try await home.advance(by: .seconds(1))
            try await home.settle()
            let gone = try await store.lock(of: "key")
            #expect(gone == nil)
        },
        Check("a key's deadline wins over its lock: unlocked, then expired", requires: [.locks], drivesTime: true) {
            home in
            let store = home.store
            try await store.set("key", "1", expiry: .after(.seconds(5)))
            try await store.lock("key", for: .seconds(60), clientID: "ann")
            try await home.advance(by: .seconds(5))
            try await home.settle()
            let read = try await store.get("key", clientID: "ann")
            #expect(read == nil)
            let events = try await home.events().filter { $0.key == "key" }
            #expect(events.map(\.kind) == [.created, .locked, .unlocked, .expired])
            #expect(events.suffix(2).map(\.transactionCount) == [2, 2])
        },
        Check("a lifespan starts anew with each set, and with nothing else", requires: [.locks], drivesTime: true) {
            home in
            let store = home.store
            let first = try await store.set("key", "1", expiry: .lifespan(.seconds(10)))
            #expect(first.leaseID.isLifespan)
            for _ in 0..<3 {
                try await home.advance(by: .seconds(9))
                // The same value will do.
                let next = try await store.set("key", "1")
                #expect(next.leaseID == first.leaseID)
            }
            try await home.advance(by: .seconds(9))
            _ = try await store.get("key")
            try await store.lock("key", for: .seconds(60), clientID: "ann")
            try await home.advance(by: .seconds(1))
            try await home.settle()
            let read = try await store.get("key", clientID: "ann")
            #expect(read == nil)
        },
        Check(
            "a lifespan is changed by another, and ended by what ends any deadline", requires: [.locks],
            drivesTime: true
        ) { home in
            let store = home.store
            let first = try await store.set("key", "1", expiry: .lifespan(.seconds(10)))
            let longer = try await store.set("key", "2", expiry: .lifespan(.seconds(100)))
            #expect(longer.leaseID == first.leaseID)
            let told = try await store.lease(longer.leaseID, withKeys: false)
            #expect(told?.lease.duration == .seconds(100) && told?.timeLeft == .seconds(100))
            try await home.advance(by: .seconds(99))
            try await home.settle()
            let kept = try await store.set("key", "3", expiry: .never)
            #expect(!kept.leaseID.isLifespan)
            try await home.advance(by: .seconds(1_000))
            try await home.settle()
            let read = try await store.get("key")
            #expect(read?.value == "3")
            let plain = try await store.set("key", "4", expiry: .after(.seconds(10)))
            #expect(!plain.leaseID.isLifespan)
            try await home.advance(by: .seconds(9))
            try await store.set("key", "5")
            try await home.advance(by: .seconds(1))
            try await home.settle()
            let ended = try await store.get("key")
            #expect(ended == nil)
        },
        Check("a lifespan must be possible", requires: [.locks]) { home in
            for duration in [Duration.zero, .seconds(-1), .seconds(101 * 365 * 86_400)] {
                let refused = await home.refusal { () async throws(StoreError) in
                    try await home.store.set("key", "1", expiry: .lifespan(duration))
                }
                #expect(refused?.code == .invalidArgument, "\(duration)")
            }
        },
    ]
}
