internal import CairnModel
internal import Testing

extension Check {
    static let consumers: [Check] = [
        Check("a consumer that never acknowledged is not there", requires: [.consumers]) { home in
            let consumer = try await home.store.consumer("reader")
            #expect(consumer == nil)
        },
        Check("a consumer's cursor is kept, and never moves back by itself", requires: [.consumers]) { home in
            let store = home.store
            for _ in 0..<3 { try await store.set("key", "1") }
            let first = try await store.acknowledge("reader", through: 2)
            #expect(first.cursor == 2)
            let read = try await store.consumer("reader")
            #expect(read == first)
            let back = try await store.acknowledge("reader", through: 1)
            #expect(back.cursor == 2)
            let on = try await store.acknowledge("reader", through: 3)
            #expect(on.cursor == 3)
        },
        Check("acknowledging makes no event and moves no ref", requires: [.consumers, .eventLog]) { home in
            try await home.store.set("key", "1")
            try await home.store.acknowledge("reader", through: 1)
            let head = try await home.store.status().headRef
            #expect(head == 1)
        },
        Check("a consumer can't have handled what has not happened", requires: [.consumers]) { home in
            try await home.store.set("key", "1")
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.acknowledge("reader", through: 2)
            }
            #expect(error?.code == .futureRef)
            let reset = await home.refusal { () async throws(StoreError) in
                try await home.store.commit(Transaction(then: [.resetConsumer("reader", to: 2)]))
            }
            #expect(reset?.code == .futureRef)
            let consumer = try await home.store.consumer("reader")
            #expect(consumer == nil)
        },
        Check("a consumer's cursor can be set back and forth", requires: [.consumers]) { home in
            let store = home.store
            for _ in 0..<3 { try await store.set("key", "1") }
            try await store.acknowledge("reader", through: 3)
            let result = try await store.commit(Transaction(then: [.resetConsumer("reader", to: 0)]))
            guard case .consumer(let consumer)? = result.results.first else {
                Issue.record("unexpected results: \(result)")
                return
            }
            #expect(consumer.cursor == 0)
            let on = try await store.acknowledge("reader", through: 1)
            #expect(on.cursor == 1)
        },
        Check("a consumer can be forgotten, once", requires: [.consumers]) { home in
            let store = home.store
            try await store.acknowledge("reader", through: 0)
            let result = try await store.commit(Transaction(then: [.deleteConsumer("reader")]))
            #expect(result.results == [.none])
            let consumer = try await store.consumer("reader")
            #expect(consumer == nil)
            let again = await home.refusal { () async throws(StoreError) in
                try await store.commit(Transaction(then: [.deleteConsumer("reader")]))
            }
            #expect(again?.code == .consumerNotFound)
        },
        Check("consumers are listed by name, in bytes, in pages", requires: [.consumers]) { home in
            let store = home.store
            for name in ["b", "a", "é", "B", "aa"] { try await store.acknowledge(name, through: 0) }
            let all = try await store.consumers(after: "", limit: 10)
            #expect(all.map(\.name) == ["B", "a", "aa", "b", "é"])
            let page = try await store.consumers(after: "a", limit: 2)
            #expect(page.map(\.name) == ["aa", "b"])
            let end = try await store.consumers(after: "é", limit: 2)
            #expect(end.isEmpty)
        },
        Check("a write and its acknowledgement happen together or not at all", requires: [.consumers, .transactions]) {
            home in
            let store = home.store
            try await store.set("in", "1")
            _ = try await store.commit(
                Transaction(then: [.set("out", "1"), .acknowledge(consumer: "reader", through: 1)]))
            let consumer = try await store.consumer("reader")
            #expect(consumer?.cursor == 1)
            let error = await home.refusal { () async throws(StoreError) in
                try await store.commit(
                    Transaction(then: [.set("out", "2"), .acknowledge(consumer: "reader", through: 99)]))
            }
            #expect(error?.code == .futureRef)
            let record = try await store.get("out")
            #expect(record?.value == "1")
        },
        Check("a consumer that reads on after its cursor misses nothing", requires: [.consumers, .eventLog]) { home in
            let store = home.store
            for number in 0..<10 { try await store.set("key", Value("\(number)")) }
            var seen: [Ref] = []
            for _ in 0..<4 {
                let cursor = try await store.consumer("reader")?.cursor ?? 0
                for event in try await home.events("", from: cursor.next).prefix(3) {
                    seen.append(event.ref)
                    try await store.acknowledge("reader", through: event.ref)
                }
            }
            #expect(seen == (1...10).map { Ref($0) })
        },
    ]
}
