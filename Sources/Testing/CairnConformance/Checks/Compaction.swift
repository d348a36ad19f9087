internal import CairnModel
internal import Testing

extension Check {
    static let compaction: [Check] = [
        Check("compaction drops events and keeps records", requires: [.compaction, .eventLog]) { home in
            let store = home.store
            for number in 0..<10 { try await store.set(Key("k\(number % 3)"), Value("\(number)")) }
            let before = try await store.list(ListRequest(range: .all)).records
            try await store.compact(before: 6)
            let status = try await store.status()
            #expect(status.oldestRef == 6)
            #expect(status.headRef == 10)
            let after = try await store.list(ListRequest(range: .all)).records
            #expect(after == before)
            let refs = try await home.events("", from: 0).map(\.ref)
            #expect(refs == [6, 7, 8, 9, 10])
        },
        Check("a stream from what is gone is refused, and told where to go on", requires: [.compaction, .eventLog]) {
            home in
            let store = home.store
            for _ in 0..<5 { try await store.set("key", "1") }
            try await store.compact(before: 4)
            for ref: Ref in [1, 2, 3] {
                let error = await home.refusal { () async throws(StoreError) in
                    try await store.watch(WatchRequest(range: .all, start: .ref(ref)))
                }
                #expect(error?.code == .compacted)
                #expect(error?.oldestRef == 4)
            }
            let refs = try await home.events("", from: 4).map(\.ref)
            #expect(refs == [4, 5])
        },
        Check("the whole log can be compacted, and goes on", requires: [.compaction, .eventLog]) { home in
            let store = home.store
            for _ in 0..<3 { try await store.set("key", "1") }
            try await store.compact(before: 4)
            let status = try await store.status()
            #expect(status.oldestRef == 4)
            let next = try await store.set("key", "2")
            #expect(next.updatedRef == 4)
            #expect(next.version == 4)
            let refs = try await home.events("", from: 0).map(\.ref)
            #expect(refs == [4])
        },
        Check("compacting what is gone is accepted, and brings nothing back", requires: [.compaction]) { home in
            let store = home.store
            for _ in 0..<5 { try await store.set("key", "1") }
            try await store.compact(before: 4)
            try await store.compact(before: 2)
            try await store.compact(before: 0)
            let status = try await store.status()
            #expect(status.oldestRef == 4)
        },
        Check("what has not happened can't be compacted", requires: [.compaction]) { home in
            try await home.store.set("key", "1")
            let error = await home.refusal { () async throws(StoreError) in try await home.store.compact(before: 3) }
            #expect(error?.code == .futureRef)
            let status = try await home.store.status()
            #expect(status.oldestRef == 1)
        },
        Check("a reader that the log is compacted past is told so", requires: [.compaction, .eventLog]) { home in
            let store = home.store
            let value = Value.noise(store.limits.pageBytes / 2)
            let stream = try await store.watch(WatchRequest(range: .all, start: .ref(0)))
            for _ in 0..<6 { try await store.set("key", value) }
            try await store.compact(before: 7)
            let error = await home.refusal { () async throws(StoreError) in
                var reader = EventReader(stream)
                for _ in 0..<6 { _ = try await reader.next() }
            }
            #expect(error?.code == .compacted)
            #expect(error?.oldestRef == 7)
        },
        Check("a reader that is up to date is not disturbed by compaction", requires: [.compaction, .eventLog]) {
            home in
            let store = home.store
            var reader = EventReader(try await store.watch(WatchRequest(range: .all)))
            try await store.set("a", "1")
            let first = try await reader.next()
            #expect(first?.key == "a")
            try await store.compact(before: 2)
            try await store.set("b", "1")
            let second = try await reader.next()
            #expect(second?.key == "b")
        },
        Check("a consumer can't be set back to what is gone", requires: [.compaction, .consumers]) { home in
            let store = home.store
            for _ in 0..<5 { try await store.set("key", "1") }
            try await store.compact(before: 4)
            let error = await home.refusal { () async throws(StoreError) in
                try await store.commit(Transaction(then: [.resetConsumer("reader", to: 2)]))
            }
            #expect(error?.code == .compacted)
            #expect(error?.oldestRef == 4)
            _ = try await store.commit(Transaction(then: [.resetConsumer("reader", to: 3)]))
        },
        Check("a key goes on counting after its events are gone", requires: [.compaction, .eventLog]) { home in
            let store = home.store
            try await store.set("key", "1")
            try await store.delete("key")
            try await store.compact(before: 3)
            let record = try await store.set("key", "2")
            #expect(record.version == 3)
            let event = try await home.events("", from: 3).first
            #expect(event?.previousRef == 2)
        },
    ]
}
