internal import CairnModel
internal import Testing

extension Check {
    static let concurrency: [Check] = [
        Check("many sets at once all happen, each once, with refs without gaps", requires: [.eventLog]) { home in
            let store = home.store
            let count = 1_000
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<count {
                    let key = Key("\(number)/" + String(repeating: "k", count: number % 250))
                    group.addTask { try await store.set(key, Value(bytes: key.bytes)) }
                }
                try await group.waitForAll()
            }
            let events = try await home.events()
            #expect(events.map(\.ref) == (1...count).map { Ref(Int64($0)) })
            #expect(Set(events.map(\.key)).count == count)
            #expect(Set(events.map(\.leaseID)).count == count)
            for event in events {
                let record = try await store.get(event.key)
                #expect(record?.value.bytes == event.key.bytes)
                #expect(record?.createdRef == event.ref)
                #expect(record?.updatedRef == event.ref)
                #expect(record?.version == 1)
                #expect(event.kind == .created)
            }
        },
        Check("a set and a deletion at once happen one after the other") { home in
            let store = home.store
            for number in 0..<40 {
                let key = Key("key\(number)")
                try await store.set(key, "old")
                async let set = store.set(key, "")
                async let deletion = store.delete(key)
                let (written, tombstone) = try await (set, deletion)
                let record = try await store.get(key)
                if written.version == 2 {
                    #expect(tombstone.version == 3)
                    #expect(record == nil)
                } else {
                    #expect(tombstone.version == 2)
                    #expect(written.version == 3)
                    #expect(written.createdRef == written.updatedRef)
                    #expect(record == written)
                    #expect(record?.value == "")
                    #expect(tombstone.updatedRef < written.updatedRef)
                }
            }
        },
        Check("a key that many create at once is created by one") { home in
            let store = home.store
            for round in 0..<20 {
                let key = Key("key\(round)")
                let winners = await withTaskGroup(of: Int.self) { group in
                    for writer in 0..<8 {
                        group.addTask {
                            do throws(StoreError) {
                                try await store.set(key, Value("\(writer)"), if: .absent)
                                return 1
                            } catch {
                                return error.code == .conditionFailed ? 0 : 100
                            }
                        }
                    }
                    return await group.reduce(0, +)
                }
                #expect(winners == 1)
                let record = try await store.get(key)
                #expect(record?.version == 1)
            }
        },
        Check("no update is lost to a compare-and-set loop") { home in
            let store = home.store
            try await store.set("counter", "0")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var left = 25
                        while left > 0 {
                            guard let record = try await store.get("counter"), let number = Int(record.value.text ?? "")
                            else { throw StoreError(.internal, "the counter is gone") }
                            do throws(StoreError) {
                                try await store.set(
                                    "counter", Value("\(number + 1)"), if: .version(.equal, record.version))
                                left -= 1
                            } catch {
                                guard error.code == .conditionFailed else { throw error }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let record = try await store.get("counter")
            #expect(record?.value == "200")
            #expect(record?.version == 201)
        },
        Check("a list shows a transaction whole or not at all", requires: [.transactions]) { home in
            let store = home.store
            async let writes: Void = {
                for number in 0..<200 {
                    let value = Value("\(number)")
                    _ = try await store.commit(
                        Transaction(then: [.set("a", value), .set("b", value), .set("c", value)]))
                }
            }()
            for _ in 0..<200 {
                let records = try await store.list(ListRequest(range: .all)).records
                #expect(records.count == 3 || records.isEmpty)
                #expect(Set(records.map(\.value)).count <= 1)
            }
            try await writes
        },
        Check("children on a lease and its end at once: none outlives it", requires: [.leases]) { home in
            let store = home.store
            for round in 0..<50 {
                let parent = try await store.set(Key("parent\(round)"), "1")
                let lease = parent.leaseID
                await withTaskGroup(of: StoreError.Code?.self) { group in
                    for child in 0..<2 {
                        group.addTask {
                            await home.refusal { () async throws(StoreError) in
                                try await store.set(Key("child\(round)/\(child)"), "1", lease: lease)
                            }?.code
                        }
                    }
                    group.addTask {
                        await home.refusal { () async throws(StoreError) in
                            try await store.keepAlive(lease, expiry: .after(.seconds(60)))
                        }?.code
                    }
                    group.addTask {
                        await home.refusal { () async throws(StoreError) in
                            let ended = try await store.expireLease(lease)
                            #expect(ended.contains { $0.key == parent.key })
                        }?.code
                    }
                    for await code in group { #expect(code == nil || code == .leaseNotFound) }
                }
                let status = try await store.lease(lease, withKeys: true)
                #expect(status == nil)
            }
            let keys = try await home.keys(ListRequest(range: .all))
            #expect(keys.isEmpty)
        },
        Check("a lease that many expire at once is expired by one, each key once", requires: [.leases, .eventLog]) {
            home in
            let store = home.store
            let lease = try await store.grantLease(duration: nil)
            for number in 0..<5 { try await store.set(Key("key\(number)"), "1", lease: lease.id) }
            let winners = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let refusal = await home.refusal { () async throws(StoreError) in
                            try await store.expireLease(lease.id)
                        }
                        return refusal == nil ? 1 : (refusal?.code == .leaseNotFound ? 0 : 100)
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(winners == 1)
            let kinds = try await home.kinds("", from: 6)
            #expect(kinds == Array(repeating: .expired, count: 5))
        },
        Check("writers and readers under load: each read finds what was written") { home in
            let store = home.store
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<10 {
                    group.addTask {
                        for number in 0..<100 {
                            let key = Key("w\(writer)/\(number)")
                            let value = Value(String(repeating: "ab", count: 255))
                            let written = try await store.set(key, value)
                            let read = try await store.get(key)
                            #expect(read == written)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let keys = try await home.keys(ListRequest(range: .all, keysOnly: true))
            #expect(keys.count == 1_000)
        },
    ]
}
