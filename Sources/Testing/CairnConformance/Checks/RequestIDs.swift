internal import CairnModel
internal import Testing

extension Check {
    static let requestIDs: [Check] = [
        Check("a request that is sent again is run once, and answered the same", requires: [.requestIDs]) { home in
            let store = home.store
            let id = RequestID.random()
            let transaction = Transaction(then: [.set("key", "1"), .get("key")], requestID: id)
            let first = try await store.commit(transaction)
            try await store.set("key", "2")
            let again = try await store.commit(transaction)
            #expect(again == first)
            let record = try await store.get("key")
            #expect(record?.version == 2)
            #expect(record?.value == "2")
        },
        Check("a deletion that is sent again finds its own outcome", requires: [.requestIDs]) { home in
            try await home.store.set("key", "1")
            let id = RequestID.random()
            let first = try await home.store.delete("key", requestID: id)
            let again = try await home.store.delete("key", requestID: id)
            #expect(again == first)
        },
        Check("a request whose condition did not hold is remembered too", requires: [.requestIDs]) { home in
            let store = home.store
            let transaction = Transaction(
                if: [Condition("key", .present)], then: [.set("key", "2")], otherwise: [.set("other", "1")],
                requestID: .random())
            let first = try await store.commit(transaction)
            #expect(!first.succeeded)
            try await store.set("key", "1")
            let again = try await store.commit(transaction)
            #expect(again == first)
            let record = try await store.get("key")
            #expect(record?.value == "1")
        },
        Check("a request that was refused may be tried again", requires: [.requestIDs, .leases]) { home in
            let store = home.store
            let id = RequestID.random()
            let chosen = LeaseID.firstChosen
            let error = await home.refusal { () async throws(StoreError) in
                try await store.set("key", "1", lease: chosen, requestID: id)
            }
            #expect(error?.code == .leaseNotFound)
            _ = try await store.grantLease(id: chosen, duration: nil)
            let record = try await store.set("key", "1", lease: chosen, requestID: id)
            #expect(record.version == 1)
        },
        Check("the same request sent by many at once is run once", requires: [.requestIDs]) { home in
            let store = home.store
            let transaction = Transaction(then: [.set("key", "1")], requestID: .random())
            let results = try await withThrowingTaskGroup(of: TransactionResult.self) { group in
                for _ in 0..<8 { group.addTask { try await store.commit(transaction) } }
                var results: Set<TransactionResult> = []
                for try await result in group { results.insert(result) }
                return results
            }
            #expect(results.count == 1)
            let record = try await store.get("key")
            #expect(record?.version == 1)
        },
        Check("different requests are different", requires: [.requestIDs]) { home in
            for number in 1...3 {
                let record = try await home.store.set("key", "1", requestID: .random())
                #expect(record.version == Int64(number))
            }
        },
    ]
}
