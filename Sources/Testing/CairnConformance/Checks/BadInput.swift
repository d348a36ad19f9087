internal import CairnModel
internal import Testing

extension Check {
    static let badInput: [Check] = [
        Check("the empty key is refused everywhere, and nothing happens", requires: [.eventLog]) { home in
            let store = home.store
            var codes: [StoreError.Code?] = []
            codes.append(await home.refusal { () async throws(StoreError) in try await store.get("") }?.code)
            codes.append(await home.refusal { () async throws(StoreError) in try await store.set("", "1") }?.code)
            codes.append(await home.refusal { () async throws(StoreError) in try await store.delete("") }?.code)
            codes.append(
                await home.refusal { () async throws(StoreError) in
                    try await store.commit(Transaction(if: [Condition("", .absent)], then: []))
                }?.code)
            codes.append(
                await home.refusal { () async throws(StoreError) in
                    try await store.commit(Transaction(if: [Condition("a", .absent)], then: [], otherwise: [.get("")]))
                }?.code)
            #expect(codes == Array(repeating: .invalidKey, count: 5))
            let head = try await store.status().headRef
            #expect(head == 0)
        },
        Check("a set that names a lease and an expiry is refused", requires: [.leases]) { home in
            let grant = try await home.store.grantLease(duration: nil)
            for expiry: Expiry in [.never, .after(.seconds(1)), .at(Timestamp(microseconds: 1))] {
                let error = await home.refusal { () async throws(StoreError) in
                    try await home.store.set("key", "1", lease: grant.id, expiry: expiry)
                }
                #expect(error?.code == .invalidArgument)
            }
        },
        Check("lifetimes that are no lifetimes are refused", requires: [.leases]) { home in
            let store = home.store
            let longest = store.limits.leaseDuration
            for duration: Duration in [.zero, .seconds(-1), longest + .seconds(1)] {
                let set = await home.refusal { () async throws(StoreError) in
                    try await store.set("key", "1", expiry: .after(duration))
                }
                #expect(set?.code == .invalidArgument)
                let grant = await home.refusal { () async throws(StoreError) in
                    try await store.grantLease(duration: duration)
                }
                #expect(grant?.code == .invalidArgument)
            }
            let grant = try await store.grantLease(duration: longest)
            #expect(grant.duration == longest)
        },
        Check("lease numbers that are the store's to give are refused", requires: [.leases]) { home in
            for id: LeaseID in [-1, 0, 1, LeaseID(LeaseID.firstChosen.rawValue - 1)] {
                let error = await home.refusal { () async throws(StoreError) in
                    try await home.store.grantLease(id: id, duration: nil)
                }
                #expect(error?.code == .invalidArgument)
            }
            let first = try await home.store.grantLease(id: .firstChosen, duration: nil)
            #expect(first.id == .firstChosen)
        },
        Check("negative refs are refused", requires: [.consumers, .compaction]) { home in
            let operations: [Operation] = [
                .acknowledge(consumer: "c", through: -1), .resetConsumer("c", to: -1), .compact(before: -1),
            ]
            for operation in operations {
                let error = await home.refusal { () async throws(StoreError) in
                    try await home.store.commit(Transaction(then: [operation]))
                }
                #expect(error?.code == .invalidRef, "\(operation)")
            }
        },
        Check("a consumer needs a name", requires: [.consumers]) { home in
            let acknowledge = await home.refusal { () async throws(StoreError) in
                try await home.store.acknowledge("", through: 0)
            }
            #expect(acknowledge?.code == .invalidArgument)
            let read = await home.refusal { () async throws(StoreError) in try await home.store.consumer("") }
            #expect(read?.code == .invalidArgument)
        },
        Check("limits and depths below 1 are refused") { home in
            let store = home.store
            for number in [0, -1, Int.min] {
                let limit = await home.refusal { () async throws(StoreError) in
                    try await store.list(ListRequest(range: .all, limit: number))
                }
                #expect(limit?.code == .invalidArgument)
                let depth = await home.refusal { () async throws(StoreError) in
                    try await store.list(ListRequest(range: .all, depth: number))
                }
                #expect(depth?.code == .invalidArgument)
            }
        },
        Check("a limit of leases or consumers below 1 is refused", requires: [.leases, .consumers]) { home in
            try await home.store.acknowledge("reader", through: 0)
            for number in [0, -1, Int.min] {
                let leases = await home.refusal { () async throws(StoreError) in
                    try await home.store.leases(from: 0, limit: number)
                }
                #expect(leases?.code == .invalidArgument)
                let consumers = await home.refusal { () async throws(StoreError) in
                    try await home.store.consumers(after: "", limit: number)
                }
                #expect(consumers?.code == .invalidArgument)
            }
        },
        Check("what a home can't do is said, not ignored") { home in
            if home.store.capabilities.has(.backup) {
                return #expect(home.store.capabilities.supported.contains(.backup))
            }
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.backup(toFile: "/nonexistent/backup")
            }
            #expect(error?.code == .unsupported)
            #expect(error?.message.contains("backup") == true)
        },
    ]
}
