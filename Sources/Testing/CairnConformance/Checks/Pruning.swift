internal import CairnModel
internal import Testing

// What is pruned ends like what is deleted, if it is as it was when it was chosen.
extension Check {
    static let pruning: [Check] = [
        Check("a pruned key ends with an event of its own kind", requires: [.eventLog]) { home in
            let set = try await home.store.set("key", "1")
            let tombstones = try await home.pruned([PruneCandidate("key", updatedRef: set.updatedRef)], by: "ann")
            let tombstone = try #require(tombstones.first)
            #expect(tombstone.version == 2 && tombstone.deletedRef == set.updatedRef.next)
            let record = try await home.store.get("key")
            #expect(record == nil)
            let event = try #require(try await home.events().last)
            #expect(event.kind == .pruned && event.value == nil && event.clientID == "ann")
            #expect(event.previousRef == set.updatedRef && Record(after: event) == tombstone)
            let again = try await home.store.set("key", "2", if: .absent)
            #expect(again.version == 3)
        },
        Check("a key that was changed or has ended since it was chosen is not pruned") { home in
            let old = try await home.store.set("changed", "1")
            let new = try await home.store.set("changed", "1")
            let gone = try await home.store.set("gone", "1")
            try await home.store.delete("gone")
            let tombstones = try await home.pruned([
                PruneCandidate("changed", updatedRef: old.updatedRef),
                PruneCandidate("gone", updatedRef: gone.updatedRef),
                PruneCandidate("never", updatedRef: 1),
            ])
            #expect(tombstones.isEmpty)
            let record = try await home.store.get("changed")
            #expect(record == new)
        },
        Check("a locked key is not pruned, by whoever; one that was unlocked is", requires: [.locks]) { home in
            try await home.store.set("key", "1")
            try await home.store.lock("key", for: .seconds(100), clientID: "ann")
            let locked = try #require(try await home.store.metadata(of: "key"))
            let none = try await home.pruned([PruneCandidate("key", updatedRef: locked.updatedRef)], by: "ann")
            #expect(none.isEmpty)
            try await home.store.unlock("key", clientID: "ann")
            let open = try #require(try await home.store.metadata(of: "key"))
            let one = try await home.pruned([PruneCandidate("key", updatedRef: open.updatedRef)])
            #expect(one.map(\.key) == ["key"])
        },
        Check("keys are pruned in the order in which they were chosen, each once", requires: [.transactions]) { home in
            var candidates: [PruneCandidate] = []
            for key: Key in ["b", "a", "c"] {
                let set = try await home.store.set(key, "1")
                candidates.append(PruneCandidate(key, updatedRef: set.updatedRef))
            }
            let tombstones = try await home.pruned(candidates + candidates)
            #expect(tombstones.map(\.key) == ["b", "a", "c"])
            #expect(tombstones.map(\.updatedRef) == [4, 5, 6])
        },
        Check("a pruned key takes its lease along, but not one that was granted", requires: [.leases]) { home in
            let own = try await home.store.set("own", "1", expiry: .after(.seconds(100)))
            let lease = try await home.store.grantLease(duration: nil)
            let shared = try await home.store.set("shared", "1", lease: lease.id)
            _ = try await home.pruned([own, shared].map { PruneCandidate($0.key, updatedRef: $0.updatedRef) })
            let leases = try await home.store.leases(from: 1, limit: 10)
            #expect(leases.map(\.lease) == [lease])
        },
        Check("who waits for a kind hears of what is pruned", requires: [.eventLog]) { home in
            let stream = try await home.store.watch(WatchRequest(range: .all, kinds: [.pruned]))
            let set = try await home.store.set("key", "1")
            _ = try await home.pruned([PruneCandidate("key", updatedRef: set.updatedRef)])
            var reader = EventReader(stream)
            let event = try await reader.next()
            #expect(event?.kind == .pruned && event?.key == "key")
        },
    ]
}

extension ConformanceStore {
    /// The tombstones of what is pruned.
    fileprivate func pruned(
        _ candidates: [PruneCandidate], by clientID: String = ""
    ) async throws -> [Record] {
        let result = try await store.commit(Transaction(then: [.prune(candidates)], clientID: clientID))
        guard case .deleted(let records)? = result.results.first else { return [] }
        return records
    }
}
