internal import CairnModel
internal import Testing

extension Check {
    static let streamStarts: [Check] = [
        Check("a stream of an empty store that ends at the head ends at once", requires: [.eventLog]) { home in
            for start: WatchRequest.Start in [.now, .ref(0), .ref(1), .current] {
                let events = try await home.events(of: WatchRequest(range: .all, start: start, untilHead: true))
                #expect(events.isEmpty)
            }
        },
        Check("a stream can start at any event", requires: [.eventLog]) { home in
            for number in 1...5 { try await home.store.set("key", Value("\(number)")) }
            for first: Int64 in 1...6 {
                let refs = try await home.events("", from: Ref(first)).map(\.ref)
                #expect(refs == (first..<6).map { Ref($0) })
            }
            let oldest = try await home.events("", from: 0).map(\.ref)
            #expect(oldest == [1, 2, 3, 4, 5])
        },
        Check("a stream that ends at the head delivers what was there when it was opened", requires: [.eventLog]) {
            home in
            let store = home.store
            try await store.set("a", "1")
            let stream = try await store.watch(WatchRequest(range: .all, start: .ref(1), untilHead: true))
            try await store.set("b", "1")
            var updates: [WatchUpdate] = []
            for try await update in stream { updates.append(update) }
            let events = updates.flatMap { update in if case .events(let events) = update { events } else { [Event]() }
            }
            #expect(events.map(\.key) == ["a"])
            #expect(updates.last == .progress(1))
        },
        Check("a stream from now on delivers only later events", requires: [.eventLog]) { home in
            let store = home.store
            try await store.set("a", "1")
            var reader = EventReader(try await store.watch(WatchRequest(range: .all, start: .now)))
            try await store.set("b", "1")
            let event = try await reader.next()
            #expect(event?.ref == 2)
        },
        Check("one past the last event means from now", requires: [.eventLog]) { home in
            let store = home.store
            try await store.set("a", "1")
            var reader = EventReader(try await store.watch(WatchRequest(range: .all, start: .ref(2))))
            try await store.set("b", "1")
            let event = try await reader.next()
            #expect(event?.ref == 2)
        },
        Check("an event beyond that is refused", requires: [.eventLog]) { home in
            try await home.store.set("a", "1")
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.watch(WatchRequest(range: .all, start: .ref(3)))
            }
            #expect(error?.code == .futureRef)
            #expect(error?.headRef == 1)
            #expect(error?.ref == 3)
        },
        Check("a reader whose event is not in the log is told that the log went back", requires: [.eventLog]) { home in
            let store = home.store
            for number in 1...3 { try await store.set("key", Value("\(number)")) }
            let mark = EventMark(try await home.events("", from: 2)[0])
            let after = try await home.events(
                of: WatchRequest(range: .all, start: .ref(3), untilHead: true, seen: mark))
            #expect(after.map(\.ref) == [3])
            // Another event of that ref, and one that the log hasn't come to.
            let later = mark.time + .microseconds(1)
            for wrong in [EventMark(ref: 2, time: later), EventMark(ref: 4, time: mark.time)] {
                for start: WatchRequest.Start in [.ref(3), .now, .current] {
                    let error = await home.refusal { () async throws(StoreError) in
                        try await store.watch(WatchRequest(range: .all, start: start, seen: wrong))
                    }
                    #expect(error?.code == .logWentBack)
                    #expect(error?.headRef == 3)
                    #expect(error?.ref == wrong.ref)
                }
            }
        },
        Check("a negative ref is refused", requires: [.eventLog]) { home in
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.watch(WatchRequest(range: .all, start: .ref(-1)))
            }
            #expect(error?.code == .invalidRef)
        },
        Check("a stream resumes where another stopped, without loss or repetition", requires: [.eventLog]) { home in
            let store = home.store
            for number in 0..<30 { try await store.set(Key("k\(number % 4)"), Value("\(number)")) }
            var refs: [Ref] = []
            var next: Ref = 1
            while refs.count < 30 {
                var reader = EventReader(try await store.watch(WatchRequest(range: .all, start: .ref(next))))
                for _ in 0..<7 where refs.count < 30 {
                    guard let event = try await reader.next() else { break }
                    refs.append(event.ref)
                    next = event.ref.next
                }
            }
            #expect(refs == (1...30).map { Ref($0) })
        },
        Check("current state first: the live records, then what changes", requires: [.eventLog]) { home in
            let store = home.store
            for key: Key in ["a/1", "a/2", "b", "a/3"] { try await store.set(key, "1") }
            try await store.delete("a/2")
            var updates = try await store.watch(WatchRequest(range: KeyRange(prefix: "a/"), start: .current))
                .makeAsyncIterator()
            var records: [Record] = []
            while true {
                let update = try await updates.next()
                if case .records(let page, let ref)? = update {
                    records += page
                    #expect(ref == 5)
                } else {
                    #expect(update == .progress(5))
                    break
                }
            }
            #expect(records.map(\.key) == ["a/1", "a/3"])
            try await store.set("a/1", "2")
            let update = try await updates.next()
            guard case .events(let events)? = update else {
                Issue.record("no event: \(String(describing: update))")
                return
            }
            #expect(events.map(\.ref) == [6])
        },
        Check(
            "a watch of one key tells its state, and goes on through its ends and new lives",
            requires: [.eventLog, .leases, .locks, .transactions]
        ) { home in
            let store = home.store
            let request = WatchRequest(range: KeyRange(single: "key"), start: .current)
            // There is no such key yet, which is no error.
            var early = EventReader(try await store.watch(request))
            let before = try await early.upTo(0)
            let first = try await store.set("key", "1", clientID: "ann")
            var late = EventReader(try await store.watch(request))
            let none = try await late.upTo(first.updatedRef)
            #expect(before.isEmpty && early.records.isEmpty && none.isEmpty && late.records == [first])
            try await store.lock("key", for: .seconds(60), clientID: "ann")
            try await store.set("key", "2", clientID: "ann")
            try await store.unlock("key", clientID: "ann")
            try await store.delete("key")
            let second = try await store.set("key", "3")
            try await store.expireLease(second.leaseID)
            let third = try await store.set("key", "4")
            let candidate = PruneCandidate("key", updatedRef: third.updatedRef)
            _ = try await store.commit(Transaction(then: [.prune([candidate])]))
            try await store.set("key1", "x")
            let last = try await store.set("key", "5")
            let seen = try await early.upTo(last.updatedRef)
            #expect(
                seen.map(\.kind) == [
                    .created, .locked, .updated, .unlocked, .deleted, .created, .expired, .created, .pruned, .created,
                ])
            #expect(seen.map(\.value) == ["1", "1", "2", "2", nil, "3", nil, "4", nil, "5"])
            #expect(seen.map(\.version) == [1, 1, 2, 2, 3, 4, 5, 6, 7, 8])
            let rest = try await late.upTo(last.updatedRef)
            #expect(rest == Array(seen.dropFirst()))
        },
        Check(
            "current state first while others write: each key's state, then each of its changes", requires: [.eventLog]
        ) { home in
            let store = home.store
            let value = Value.noise(store.limits.pageBytes / 10)
            for number in 10..<50 { try await store.set(Key("k\(number)"), value) }
            let stream = try await store.watch(WatchRequest(range: .all, start: .current))
            async let writes: Ref = {
                for number in 0..<120 { try await store.set(Key("k\(number * 7 % 50)"), Value("\(number)")) }
                return try await store.set("last", "1").updatedRef
            }()
            var reader = EventReader(stream)
            var versions: [Key: Int64] = [:]
            var events: [Event] = []
            while events.last?.key != "last", let event = try await reader.next() { events.append(event) }
            for record in reader.records {
                #expect(versions[record.key] == nil, "\(record.key) is shown twice")
                versions[record.key] = record.version
            }
            for event in events {
                #expect(event.version == (versions[event.key] ?? 0) + 1, "\(event.key)")
                versions[event.key] = event.version
            }
            #expect(events.map(\.ref) == events.map(\.ref).sorted())
            _ = try await writes
            for record in try await store.list(ListRequest(range: .all, keysOnly: true)).records {
                #expect(versions[record.key] == record.version)
            }
        },
    ]
}
