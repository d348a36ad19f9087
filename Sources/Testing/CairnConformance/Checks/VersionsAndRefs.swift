internal import CairnModel
internal import Testing

extension Check {
    static let versionsAndRefs: [Check] = [
        Check(
            "a key goes on counting through deletion, and is created anew on a lease of its own",
            requires: [.eventLog, .leases]
        ) { home in
            try await home.store.set("key", "")
            let second = try await home.store.set("key", "1")
            #expect(second.createdRef == 1)
            #expect(second.leaseID == 1)
            try await home.store.delete("key")
            let record = try await home.store.set("key", "new")
            #expect(record.version == 4)
            #expect(record.createdVersion == 4)
            #expect(record.createdRef == 4)
            #expect(record.updatedRef == 4)
            #expect(record.deletedRef == nil)
            #expect(record.leaseID == 2)
            let kinds = try await home.kinds()
            #expect(kinds == [.created, .updated, .deleted, .created])
        },
        Check("an event tells all that happened to its key", requires: [.eventLog]) { home in
            let first = try await home.store.set("key", "1", clientID: "alice")
            let second = try await home.store.set("key", "2")
            let end = try await home.store.delete("key", clientID: "bob")
            let events = try await home.events()
            #expect(events.map(\.ref) == [1, 2, 3])
            #expect(events.map(\.version) == [1, 2, 3])
            #expect(events.map(\.value) == ["1", "2", nil])
            #expect(events.map(\.previousRef) == [nil, 1, 2])
            #expect(events.map(\.createdRef) == [1, 1, 1])
            #expect(events.map(\.createdVersion) == [1, 1, 1])
            #expect(events.map(\.clientID) == ["alice", "", "bob"])
            #expect(events.map(\.leaseID) == Array(repeating: first.leaseID, count: 3))
            #expect(events.map { Record(after: $0) } == [first, second, end])
            #expect(events.allSatisfy { $0.transactionIndex == 0 && $0.transactionCount == 1 })
        },
        Check("events are never dated before the ones before them", requires: [.eventLog]) { home in
            for number in 0..<20 { try await home.store.set(Key("key\(number % 3)"), "1") }
            let times = try await home.events().map(\.time)
            #expect(times == times.sorted())
        },
        Check("what is refused leaves no gap in the refs", requires: [.eventLog, .leases]) { home in
            try await home.store.set("a", "1")
            let condition = await home.refusal { () async throws(StoreError) in
                try await home.store.set("a", "2", if: .absent)
            }
            #expect(condition?.code == .conditionFailed)
            let lease = await home.refusal { () async throws(StoreError) in
                try await home.store.set("b", "2", lease: 99)
            }
            #expect(lease?.code == .leaseNotFound)
            let missing = await home.refusal { () async throws(StoreError) in try await home.store.delete("c") }
            #expect(missing?.code == .keyNotFound)
            let next = try await home.store.set("d", "1")
            #expect(next.updatedRef == 2)
            #expect(next.leaseID == 2)
            let refs = try await home.events().map(\.ref)
            #expect(refs == [1, 2])
        },
        Check("a read makes no event", requires: [.eventLog]) { home in
            try await home.store.set("a", "1")
            _ = try await home.store.get("a")
            _ = try await home.store.list(ListRequest(range: .all))
            let result = try await home.store.commit(Transaction(then: [.get("a")]))
            #expect(result.ref == 1)
            let head = try await home.store.status().headRef
            #expect(head == 1)
        },
        Check("every ref of a record names an event of its key", requires: [.eventLog]) { home in
            for number in 0..<40 {
                let key = Key("key\(number % 7)")
                if number % 5 == 4 {
                    _ = try await home.store.commit(Transaction(then: [.delete(key)]))
                } else {
                    try await home.store.set(key, Value("\(number)"))
                }
            }
            let events = try await home.events()
            #expect(events.map(\.ref) == events.indices.map { Ref(Int64($0) + 1) })
            for record in try await home.store.list(ListRequest(range: .all)).records {
                let mine = events.filter { $0.key == record.key }
                #expect(record.version == Int64(mine.count))
                #expect(mine.last.map { Record(after: $0) } == record)
                #expect(mine.contains { $0.ref == record.createdRef && $0.kind == .created })
            }
        },
    ]
}
