internal import CairnModel
internal import Testing

extension Check {
    static let conditions: [Check] = [
        Check("a key can be created only once") { home in
            try await home.store.set("key", "1", if: .absent)
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.set("key", "2", if: .absent)
            }
            #expect(error?.code == .conditionFailed)
            let record = try await home.store.get("key")
            #expect(record?.value == "1")
        },
        Check("a deleted key is absent, so it can be created again") { home in
            try await home.store.set("key", "1")
            try await home.store.delete("key")
            let record = try await home.store.set("key", "2", if: .absent)
            #expect(record.version == 3)
        },
        Check("a version matches once") { home in
            try await home.store.set("key", "1")
            let second = try await home.store.set("key", "2", if: .version(.equal, 1))
            #expect(second.version == 2)
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.set("key", "3", if: .version(.equal, 1))
            }
            #expect(error?.code == .conditionFailed)
            #expect(error?.failedCondition?.version == 2)
            #expect(error?.failedCondition?.updatedRef == second.updatedRef)
        },
        Check("version 0 means that the key does not exist") { home in
            try await home.store.set("key", "1", if: .version(.equal, 0))
            let live = await home.refusal { () async throws(StoreError) in
                try await home.store.set("key", "2", if: .version(.equal, 0))
            }
            #expect(live?.code == .conditionFailed)
            try await home.store.delete("key")
            let record = try await home.store.set("key", "3", if: .version(.equal, 0))
            #expect(record.value == "3")
        },
        Check("no version of before a deletion brings a key back") { home in
            try await home.store.set("key", "1")
            try await home.store.delete("key")
            for version: Int64 in 1...4 {
                let error = await home.refusal { () async throws(StoreError) in
                    try await home.store.set("key", "2", if: .version(.equal, version))
                }
                #expect(error?.code == .conditionFailed)
                #expect(error?.failedCondition?.version == 0)
                #expect(error?.failedCondition?.updatedRef == 0)
            }
            let record = try await home.store.get("key")
            #expect(record == nil)
        },
        Check("a version that was never reached does not match an absent key") { home in
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.set("key", "1", if: .version(.equal, 1))
            }
            #expect(error?.code == .conditionFailed)
        },
        Check("conditions can be combined, and the first that does not hold is told") { home in
            try await home.store.set("key", "1")
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.set("key", "2", if: .present, .version(.equal, 9), .absent)
            }
            #expect(error?.failedCondition?.index == 1)
            let both = await home.refusal { () async throws(StoreError) in
                try await home.store.set("key", "2", if: .absent, .version(.equal, 1))
            }
            #expect(both?.failedCondition?.index == 0)
            try await home.store.set("key", "2", if: .present, .version(.equal, 1))
        },
        Check("a deletion can be conditional") { home in
            try await home.store.set("key", "1")
            let error = await home.refusal { () async throws(StoreError) in
                try await home.store.delete("key", if: .version(.equal, 2))
            }
            #expect(error?.code == .conditionFailed)
            let tombstone = try await home.store.delete("key", if: .version(.equal, 1), .value(.equal, "1"))
            #expect(tombstone.version == 2)
        },
        Check("every figure of a live key can be compared", requires: [.leases]) { home in
            try await home.store.set("other", "1")
            try await home.store.set("key", "a")
            let record = try await home.store.set("key", "b")
            let figures: [(Condition.Comparison) -> [Condition.Test]] = [
                { [.version($0, 1), .version($0, 2), .version($0, 3)] },
                { [.createdRef($0, 1), .createdRef($0, 2), .createdRef($0, 3)] },
                { [.updatedRef($0, 2), .updatedRef($0, 3), .updatedRef($0, 4)] },
                { [.value($0, "a"), .value($0, "b"), .value($0, "ba")] },
                { id in
                    [-1, 0, 1].map { .lease(id, LeaseID(record.leaseID.rawValue + $0)) }
                },
            ]
            // Below, at and above the key's own figure.
            let expected: [Condition.Comparison: [Bool]] = [
                .equal: [false, true, false], .notEqual: [true, false, true], .less: [false, false, true],
                .greater: [true, false, false],
            ]
            for figure in figures {
                for (comparison, outcomes) in expected {
                    for (test, outcome) in zip(figure(comparison), outcomes) {
                        let result = try await home.store.commit(Transaction(if: [Condition("key", test)], then: []))
                        #expect(result.succeeded == outcome, "\(Condition("key", test))")
                    }
                }
            }
        },
        Check("the figures of an absent key are 0, and it has no value", requires: [.transactions]) { home in
            try await home.store.set("key", "1")
            try await home.store.delete("key")
            let holding: [Condition.Test] = [
                .absent, .version(.equal, 0), .version(.less, 1), .createdRef(.equal, 0), .updatedRef(.equal, 0),
                .updatedRef(.notEqual, 2), .lease(.equal, 0), .value(.notEqual, "1"), .value(.notEqual, ""),
            ]
            for test in holding {
                let result = try await home.store.commit(Transaction(if: [Condition("key", test)], then: []))
                #expect(result.succeeded, "\(test)")
            }
            let failing: [Condition.Test] = [
                .present, .version(.greater, 0), .updatedRef(.equal, 2), .value(.equal, "1"), .value(.equal, ""),
                .value(.less, "2"), .value(.greater, ""), .lease(.notEqual, 0),
            ]
            for test in failing {
                let result = try await home.store.commit(Transaction(if: [Condition("key", test)], then: []))
                #expect(!result.succeeded, "\(test)")
            }
        },
        Check("a transaction may look at other keys than it writes", requires: [.transactions]) { home in
            try await home.store.set("guard", "open")
            let open = Transaction(
                if: [Condition("guard", .value(.equal, "open"))], then: [.set("key", "in")], otherwise: [.get("guard")])
            let first = try await home.store.commit(open)
            #expect(first.succeeded)
            try await home.store.set("guard", "shut")
            let second = try await home.store.commit(open)
            #expect(second.failedCondition?.index == 0)
            guard case .read(let record)? = second.results.first else {
                Issue.record("the other branch was not run")
                return
            }
            #expect(record?.value == "shut")
            let record2 = try await home.store.get("key")
            #expect(record2?.version == 1)
        },
    ]
}
