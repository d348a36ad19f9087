internal import CairnModel
internal import Testing

extension Check {
    static let pastStates: [Check] = [
        Check("a key is told as it was right after an event", requires: [.eventLog]) { home in
            let store = home.store
            try await store.set("a", "1")
            try await store.set("b", "1")
            try await store.set("a", "2")
            try await store.delete("a")
            try await store.set("a", "3")
            let expected: [(Ref, Value?)] = [(0, nil), (1, "1"), (2, "1"), (3, "2"), (4, nil), (5, "3")]
            for (ref, value) in expected {
                let record = try await store.get("a", asOf: ref)
                #expect(record?.value == value, "\(ref)")
            }
            let future = await home.refusal { () async throws(StoreError) in try await store.get("a", asOf: 6) }
            #expect(future?.code == .futureRef && future?.headRef == 5)
            let negative = await home.refusal { () async throws(StoreError) in try await store.get("a", asOf: -1) }
            #expect(negative?.code == .invalidRef)
            let unknown = try await store.get("unknown", asOf: 5)
            #expect(unknown == nil)
        },
        Check("a list is told as it was right after each event", requires: [.eventLog]) { home in
            let store = home.store
            var states: [[Key: Value]] = [[:]]
            func note(_ key: Key, _ value: Value?) {
                var state = states[states.count - 1]
                state[key] = value
                states.append(state)
            }
            var word: UInt64 = 88
            for number in 0..<120 {
                word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let key = Key("k\((word >> 33) % 12)")
                if (word >> 50) % 3 == 0, states[states.count - 1][key] != nil {
                    try await store.delete(key)
                    note(key, nil)
                } else {
                    try await store.set(key, Value("\(number)"))
                    note(key, Value("\(number)"))
                }
            }
            for (ref, state) in states.enumerated() where ref % 5 == 0 || ref > 115 {
                for limit in [nil, 5] {
                    var request = ListRequest(prefix: "k", limit: limit, asOf: Ref(Int64(ref)))
                    var found: [Key: Value] = [:]
                    repeat {
                        let page = try await store.list(request)
                        #expect(page.entries.count <= limit ?? .max)
                        for record in page.records { found[record.key] = record.value }
                        request.page = page.next
                    } while request.page != nil
                    #expect(found == state, "\(ref)")
                }
            }
        },
        Check("a past list rolls up, leaves values out, and matches patterns", requires: [.eventLog]) { home in
            let store = home.store
            for key: Key in ["a/1", "a/2", "b/1", "c"] { try await store.set(key, "old") }
            _ = try await store.commit(Transaction(then: [.deleteRange(.all)]))
            let rolled = try await home.keys(ListRequest(prefix: "", depth: 1, asOf: 4))
            #expect(rolled == ["a/", "b/", "c"])
            let bare = try await store.list(ListRequest(prefix: "a/", keysOnly: true, asOf: 4))
            #expect(bare.records.map(\.key) == ["a/1", "a/2"] && bare.records.allSatisfy { $0.value.bytes.isEmpty })
            let matched = try await home.keys(ListRequest(prefix: "", pattern: .glob("*/1"), asOf: 4))
            #expect(matched == ["a/1", "b/1"])
            let now = try await home.keys(ListRequest(prefix: ""))
            #expect(now.isEmpty)
        },
        Check("what the log no longer tells is refused, not guessed", requires: [.compaction]) { home in
            let store = home.store
            try await store.set("old", "1")
            try await store.set("changed", "1")
            try await store.set("changed", "2")
            try await store.set("changed", "3")
            try await store.compact(before: 4)
            // The key has not changed since, so its record tells.
            let old = try await store.get("old", asOf: 3)
            #expect(old?.value == "1")
            let refused = await home.refusal { () async throws(StoreError) in try await store.get("changed", asOf: 3) }
            #expect(refused?.code == .compacted && refused?.oldestRef == 4)
            let list = await home.refusal { () async throws(StoreError) in
                try await store.list(ListRequest(prefix: "", asOf: 3))
            }
            #expect(list?.code == .compacted)
            let current = try await store.get("changed", asOf: 4)
            #expect(current?.value == "3")
        },
    ]
}
