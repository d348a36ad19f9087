internal import CairnModel
internal import Testing

extension Check {
    static let transactions: [Check] = [
        Check("a transaction without operations changes nothing") { home in
            let result = try await home.store.commit(Transaction(then: []))
            #expect(result == TransactionResult(results: [], ref: 0))
        },
        Check("operations see what those before them did", requires: [.transactions]) { home in
            let result = try await home.store.commit(
                Transaction(then: [
                    .get("a"), .set("a", "1"), .get("a"), .set("a", "2"), .delete("a"), .get("a"), .set("a", "3"),
                ]))
            #expect(result.results.count == 7)
            #expect(result.results[0] == .read(nil))
            guard case .read(let one?) = result.results[2], case .written(let last) = result.results[6] else {
                Issue.record("unexpected results: \(result)")
                return
            }
            #expect(one.value == "1")
            #expect(result.results[5] == .read(nil))
            #expect(last.version == 4)
            #expect(last.createdVersion == 4)
            #expect(result.ref == last.updatedRef)
        },
        Check(
            "each change of a transaction is an event, and they know each other", requires: [.transactions, .eventLog]
        ) { home in
            _ = try await home.store.commit(
                Transaction(then: [.set("a", "1"), .get("a"), .set("b", "1"), .set("a", "2")]))
            let events = try await home.events()
            #expect(events.map(\.ref) == [1, 2, 3])
            #expect(events.map(\.key) == ["a", "b", "a"])
            #expect(events.map(\.kind) == [.created, .created, .updated])
            #expect(events.map(\.transactionIndex) == [0, 1, 2])
            #expect(events.allSatisfy { $0.transactionCount == 3 })
            #expect(Set(events.map(\.time)).count == 1)
        },
        Check("a transaction that fails leaves nothing behind", requires: [.transactions, .leases, .eventLog]) { home in
            try await home.store.set("a", "1")
            let grant = try await home.store.grantLease(duration: .seconds(60))
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.commit(
                    Transaction(then: [
                        .set("a", "2"), .delete("a"), .set("b", "1"), .grantLease(duration: nil),
                        .expireLease(grant.id),
                        .acknowledge(consumer: "c", through: 1), .set("c", "1", lease: 99),
                    ]))
            }
            #expect(error?.code == .leaseNotFound)
            let record = try await home.store.get("a")
            #expect(record?.value == "1")
            let other = try await home.store.get("b")
            #expect(other == nil)
            let lease = try await home.store.lease(grant.id, withKeys: false)
            #expect(lease?.lease == grant)
            let kinds = try await home.kinds()
            #expect(kinds == [.created])
            let next = try await home.store.grantLease(duration: nil)
            #expect(next.id.rawValue == grant.id.rawValue + 1)
        },
        Check("a delete in a transaction that finds nothing does nothing", requires: [.transactions]) { home in
            let result = try await home.store.commit(Transaction(then: [.delete("a")]))
            #expect(result.results == [.deleted([])])
            #expect(result.ref == 0)
        },
        Check("a range is deleted in order, each key with its event", requires: [.transactions, .eventLog]) { home in
            for key: Key in ["t/b", "t/a", "t", "t/c", "u", "t_"] { try await home.store.set(key, "1") }
            let tombstones = try await home.store.deleteTree("t/")
            #expect(tombstones.map(\.key) == ["t/a", "t/b", "t/c"])
            let events = try await home.events("", from: 7)
            #expect(events.map(\.key) == ["t/a", "t/b", "t/c"])
            #expect(events.map(\.kind) == [.deleted, .deleted, .deleted])
            #expect(events.map(\.transactionIndex) == [0, 1, 2])
            let left = try await home.keys(ListRequest(range: .all))
            #expect(left == ["t", "t_", "u"])
            let none = try await home.store.deleteTree("t/")
            #expect(none.isEmpty)
        },
        Check("a range delete sees what the transaction did before it", requires: [.transactions]) { home in
            try await home.store.set("t/a", "1")
            try await home.store.set("t/b", "1")
            let result = try await home.store.commit(
                Transaction(then: [
                    .delete("t/a"), .set("t/c", "1"), .deleteRange(KeyRange(prefix: "t/")), .set("t/d", "1"),
                ]))
            guard case .deleted(let tombstones) = result.results[2] else {
                Issue.record("unexpected results: \(result)")
                return
            }
            #expect(tombstones.map(\.key) == ["t/b", "t/c"])
            let left = try await home.keys(ListRequest(range: .all))
            #expect(left == ["t/d"])
        },
        Check("deleting a range without an end, and an empty one", requires: [.transactions]) { home in
            for key: Key in ["a", "b", Key(bytes: [0xFF, 0xFF])] { try await home.store.set(key, "1") }
            let none = try await home.store.commit(Transaction(then: [.deleteRange(KeyRange(from: "b", to: "a"))]))
            #expect(none.results == [.deleted([])])
            let some = try await home.store.commit(Transaction(then: [.deleteRange(KeyRange(from: "b", to: nil))]))
            guard case .deleted(let tombstones)? = some.results.first else {
                Issue.record("unexpected results: \(some)")
                return
            }
            #expect(tombstones.map(\.key) == ["b", Key(bytes: [0xFF, 0xFF])])
        },
        Check("a write that must hold throws what did not hold", requires: [.transactions]) { home in
            try await home.store.set("a", "1")
            let transaction = Transaction(
                if: [Condition("a", .absent)], then: [.set("a", "2")], otherwise: [.set("b", "1")])
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.commitChecked(transaction)
            }
            #expect(error?.failedCondition?.condition == Condition("a", .absent))
            // The other branch was run all the same: that is what it is for.
            let record = try await home.store.get("b")
            #expect(record?.version == 1)
        },
    ]
}
