internal import CairnModel
internal import Testing

// Each limit just below, at and just above.

extension Check {
    static let limits: [Check] = [
        Check("keys up to the limit") { home in
            let store = home.store
            let limit = store.limits.keyBytes
            for count in [1, limit - 1, limit] {
                let key = Key(bytes: Array(repeating: 0x6B, count: count))
                try await store.set(key, "1")
                let record = try await store.get(key)
                #expect(record?.key == key)
            }
            let long = Key(bytes: Array(repeating: 0x6B, count: limit + 1))
            let set = await home.refusal { () async throws(StoreError) in try await store.set(long, "1") }
            #expect(set?.code == .invalidKey)
            let get = await home.refusal { () async throws(StoreError) in try await store.get(long) }
            #expect(get?.code == .invalidKey)
            let keys = try await home.keys(ListRequest(range: .all))
            #expect(keys.count == 3)
        },
        Check("a key's length counts bytes, not characters") { home in
            let limit = home.store.limits.keyBytes
            let fits = Key(String(repeating: "é", count: limit / 2))
            try await home.store.set(fits, "1")
            let long = Key(String(repeating: "é", count: limit / 2 + 1))
            let error = await home.refusal { () async throws(StoreError) in try await home.store.set(long, "1") }
            #expect(error?.code == .invalidKey)
        },
        Check("values up to the limit, and they can be read back") { home in
            let store = home.store
            let limit = store.limits.valueBytes
            for count in [limit - 1, limit] {
                let value = Value.noise(count)
                try await store.set("key", value)
                let record = try await store.get("key")
                #expect(record?.value == value)
                let page = try await store.list(ListRequest(range: .all))
                #expect(page.records.first?.value == value)
            }
            let large = Value.noise(limit + 1)
            let error = await home.refusal { () async throws(StoreError) in try await store.set("key", large) }
            #expect(error?.code == .valueTooLarge)
            #expect(error?.key == "key")
            let record = try await store.get("key")
            #expect(record?.version == 2)
        },
        Check("operations and conditions of a transaction up to the limit", requires: [.transactions]) { home in
            let store = home.store
            let limit = store.limits.transactionOperations
            for (count, fits) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
                let operations = Array(repeating: Operation.get("a"), count: count)
                let conditions = Array(repeating: Condition("a", .absent), count: count)
                let transactions = [
                    Transaction(then: operations), Transaction(if: conditions, then: []),
                    Transaction(then: [], otherwise: operations),
                ]
                for transaction in transactions {
                    let error = await home.refusal { () async throws(StoreError) in try await store.commit(transaction)
                    }
                    #expect(error?.code == (fits ? nil : .transactionTooLarge))
                }
            }
        },
        Check("bytes of a transaction up to the limit", requires: [.transactions]) { home in
            let store = home.store
            let limit = store.limits.transactionBytes
            for (size, fits) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
                // Keys of one byte each, and values that make up the rest.
                var operations: [Operation] = []
                var left = size
                while left > 0 {
                    let count = min(left - 1, store.limits.valueBytes / 2)
                    operations.append(.set(Key(bytes: [UInt8(operations.count)]), .noise(count)))
                    left -= count + 1
                }
                let transaction = Transaction(then: operations)
                let error = await home.refusal { () async throws(StoreError) in try await store.commit(transaction) }
                #expect(error?.code == (fits ? nil : .transactionTooLarge))
            }
        },
        Check("client ids and consumers' names up to the limit", requires: [.consumers]) { home in
            let store = home.store
            let limit = store.limits.nameBytes
            for (count, fits) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
                let name = String(repeating: "n", count: count)
                let client = await home.refusal { () async throws(StoreError) in
                    try await store.set("key", "1", clientID: name)
                }
                #expect(client?.code == (fits ? nil : .invalidArgument))
                let consumer = await home.refusal { () async throws(StoreError) in
                    try await store.acknowledge(name, through: 0)
                }
                #expect(consumer?.code == (fits ? nil : .invalidArgument))
            }
            let accents = String(repeating: "é", count: limit / 2 + 1)
            let error = await home.refusal { () async throws(StoreError) in
                try await store.acknowledge(accents, through: 0)
            }
            #expect(error?.code == .invalidArgument)
        },
        Check("a page holds no more entries than the limit") { home in
            let page = try await home.store.list(ListRequest(range: .all, limit: Int.max))
            #expect(page.entries.isEmpty)
            #expect(home.store.limits.pageEntries >= 1)
        },
    ]
}
