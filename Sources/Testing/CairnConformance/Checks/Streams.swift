internal import CairnModel
internal import Testing

extension Check {
    static let streams: [Check] = [
        Check("a live stream delivers each event as it happens", requires: [.eventLog, .leases]) { home in
            let store = home.store
            var reader = EventReader(try await store.watch(WatchRequest(range: .all, start: .ref(0))))
            let first = try await store.set("key1", "1")
            let created = try await reader.next()
            #expect(created?.kind == .created)
            try await store.set("key2", "1", lease: first.leaseID)
            let second = try await reader.next()
            #expect(second?.key == "key2")
            try await store.delete("key1")
            let deleted = try await reader.next()
            #expect(deleted?.kind == .deleted)
            try await store.expireLease(first.leaseID)
            let expired = try await reader.next()
            #expect(expired?.kind == .expired)
            #expect(expired?.key == "key2")
        },
        Check("what is committed after a watch was opened is delivered, read or not", requires: [.eventLog]) { home in
            let store = home.store
            try await store.set("before", "1")
            let stream = try await store.watch(WatchRequest(range: .all))
            try await store.set("after", "1")
            var reader = EventReader(stream)
            let event = try await reader.next()
            #expect(event?.key == "after")
        },
        Check("a stream delivers the keys of its range only", requires: [.eventLog]) { home in
            let store = home.store
            var prefix = EventReader(try await store.watch(WatchRequest(range: KeyRange(prefix: "a_"))))
            var range = EventReader(try await store.watch(WatchRequest(range: KeyRange(from: "ab", to: "b"))))
            var single = EventReader(try await store.watch(WatchRequest(range: KeyRange(single: "b"))))
            for key: Key in ["a_1", "ab", "ac", "b", "b/", "c", "a_2"] { try await store.set(key, "1") }
            let seen = try await prefix.upTo(7)
            #expect(seen.map(\.key) == ["a_1", "a_2"])
            var keys: [Key?] = []
            for _ in 0..<2 { keys.append(try await range.next()?.key) }
            #expect(keys == ["ab", "ac"])
            let only = try await single.next()
            #expect(only?.key == "b")
        },
        Check("all who watch a key are told the same, in the same order", requires: [.eventLog]) { home in
            let store = home.store
            let request = WatchRequest(range: KeyRange(single: "foo"))
            let streams = try await [store.watch(request), store.watch(request), store.watch(request)]
            try await store.set("foo", "bar")
            try await store.set("other", "x")
            try await store.set("foo", "baz")
            try await store.delete("foo")
            for stream in streams {
                var reader = EventReader(stream)
                var kinds: [Event.Kind?] = []
                for _ in 0..<3 { kinds.append(try await reader.next()?.kind) }
                #expect(kinds == [.created, .updated, .deleted])
            }
        },
        Check("a stream delivers the kinds that are asked for", requires: [.eventLog]) { home in
            let store = home.store
            try await store.set("a", "1")
            try await store.set("a", "2")
            try await store.delete("a")
            try await store.set("a", "3")
            let request = WatchRequest(
                range: .all, start: .ref(0), kinds: [.created, .deleted], untilHead: true)
            let events = try await home.events(of: request)
            #expect(events.map(\.ref) == [1, 3, 4])
        },
        Check("many writers, many streams: each is whole, in order, and without repetition", requires: [.eventLog]) {
            home in
            let store = home.store
            let count = 400
            let streams = try await [
                store.watch(WatchRequest(range: .all)), store.watch(WatchRequest(range: .all, start: .ref(1))),
                store.watch(WatchRequest(range: KeyRange(prefix: "k"), start: .current)),
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for stream in streams {
                    group.addTask {
                        var reader = EventReader(stream)
                        var refs: [Ref] = []
                        while refs.last != Ref(Int64(count)) {
                            guard let event = try await reader.next() else { break }
                            refs.append(event.ref)
                        }
                        // What the records of a current state show does not come again as events.
                        let shown = reader.records.map(\.updatedRef)
                        #expect(refs == (1...count).map { Ref(Int64($0)) }.filter { !shown.contains($0) })
                    }
                }
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<(count / 4) { try await store.set(Key("k\(writer)/\(number)"), "1") }
                    }
                }
                try await group.waitForAll()
            }
        },
        Check("a reader never sees half a transaction", requires: [.eventLog, .transactions]) { home in
            let store = home.store
            let stream = try await store.watch(WatchRequest(range: .all))
            async let writes: Void = {
                for number in 0..<100 {
                    let keys = (0...(number % 5)).map { Operation.set(Key("k\($0)"), Value("\(number)")) }
                    _ = try await store.commit(Transaction(then: keys))
                }
            }()
            var updates = stream.makeAsyncIterator()
            var last: Ref = 0
            while last < 300 {
                guard case .events(let events)? = try await updates.next() else { continue }
                #expect(events.first?.transactionIndex == 0)
                #expect(events.last?.endsTransaction == true)
                #expect(events.first?.ref == last.next)
                last = events.last?.ref ?? 300
            }
            try await writes
        },
        Check("a stream that is read late is whole all the same", requires: [.eventLog]) { home in
            let store = home.store
            let stream = try await store.watch(WatchRequest(range: .all))
            let value = Value.noise(store.limits.pageBytes / 8)
            for number in 0..<40 { try await store.set(Key("k\(number)"), value) }
            var reader = EventReader(stream)
            for number in 0..<40 {
                let event = try await reader.next()
                #expect(event?.key == Key("k\(number)"))
                #expect(event?.value == value)
            }
        },
        Check("the largest value can be streamed", requires: [.eventLog]) { home in
            let store = home.store
            let value = Value.noise(store.limits.valueBytes)
            var reader = EventReader(try await store.watch(WatchRequest(range: .all)))
            try await store.set("large", value)
            let live = try await reader.next()
            #expect(live?.value == value)
            let replayed = try await home.events()
            #expect(replayed.first?.value == value)
        },
        Check("a reader of rare keys is told how far the log has come", requires: [.eventLog], drivesTime: true) {
            home in
            let store = home.store
            var updates = try await store.watch(WatchRequest(range: KeyRange(prefix: "rare"))).makeAsyncIterator()
            for number in 0..<10 { try await store.set(Key("common\(number)"), "1") }
            try await home.advance(by: .seconds(60))
            var progress: Ref = 0
            while progress < 10, let update = try await updates.next() {
                guard case .progress(let ref) = update else {
                    Issue.record("an event of another key: \(update)")
                    break
                }
                #expect(ref >= progress)
                progress = ref
            }
            #expect(progress == 10)
        },
        Check("cancelling a reader ends its stream", requires: [.eventLog]) { home in
            let stream = try await home.store.watch(WatchRequest(range: .all))
            let reader = Task { () -> StoreError.Code? in
                do throws(StoreError) {
                    var updates = stream.makeAsyncIterator()
                    while try await updates.next() != nil {}
                    return nil
                } catch {
                    return error.code
                }
            }
            reader.cancel()
            let code = await reader.value
            #expect(code == .cancelled)
        },
    ]
}
