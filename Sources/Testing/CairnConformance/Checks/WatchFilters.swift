internal import CairnModel
internal import Testing

extension Check {
    static let watchFilters: [Check] = [
        Check("a stream of several ranges delivers what is in any of them, once", requires: [.eventLog]) { home in
            let store = home.store
            let ranges = [
                KeyRange(prefix: "a/"), KeyRange(single: "b"), KeyRange(prefix: "a/1"), KeyRange(from: "x", to: "z"),
                KeyRange(from: "z", to: "a"),
            ]
            let live = try await store.watch(WatchRequest(ranges: ranges))
            for key: Key in ["a/1", "a", "b", "b2", "a/2", "x1", "z", "y"] { try await store.set(key, "1") }
            let wanted: [Key] = ["a/1", "b", "a/2", "x1", "y"]
            var reader = EventReader(live)
            let delivered = try await reader.upTo(8)
            #expect(delivered.map(\.key) == wanted)
            let logged = try await home.events(of: WatchRequest(ranges: ranges, start: .ref(1), untilHead: true))
            #expect(logged.map(\.key) == wanted)
        },
        Check("several ranges with their current state first", requires: [.eventLog]) { home in
            let store = home.store
            for key: Key in ["a", "b1", "b2", "c", "d1", "e"] { try await store.set(key, "1") }
            let stream = try await store.watch(
                WatchRequest(
                    ranges: [KeyRange(prefix: "d"), KeyRange(prefix: "b"), KeyRange(single: "none")], start: .current))
            try await store.set("c", "2")
            try await store.set("d2", "1")
            try await store.set("b1", "2")
            var reader = EventReader(stream)
            var state: [Key: Int64] = [:]
            let events = try await reader.upTo(9)
            for record in reader.records { state[record.key] = record.version }
            for event in events {
                #expect(event.version == (state[event.key] ?? 0) + 1)
                state[event.key] = event.version
            }
            #expect(state == ["b1": 2, "b2": 1, "d1": 1, "d2": 1])
        },
        Check("a stream delivers what the clients did that are asked for", requires: [.eventLog]) { home in
            let store = home.store
            let request = WatchRequest(range: .all, start: .ref(1), clientIDs: ["ann", "bob"], untilHead: true)
            let live = try await store.watch(WatchRequest(range: .all, clientIDs: ["ann", "bob"]))
            try await store.set("1", "x", clientID: "ann")
            try await store.set("2", "x", clientID: "carl")
            try await store.set("3", "x", clientID: "bob")
            try await store.set("4", "x", clientID: "ANN")
            try await store.delete("1", clientID: "bob")
            let logged = try await home.events(of: request)
            #expect(logged.map(\.ref) == [1, 3, 5])
            var reader = EventReader(live)
            let delivered = try await reader.upTo(5)
            #expect(delivered.map(\.ref) == [1, 3, 5])
            let deletions = try await home.events(
                of: WatchRequest(range: .all, start: .ref(1), kinds: [.deleted], clientIDs: ["bob"], untilHead: true))
            #expect(deletions.map(\.ref) == [5])
        },
        Check("a watch of too many ranges or clients is refused", requires: [.eventLog]) { home in
            let most = home.store.limits.watchFilters
            let many = WatchRequest(ranges: (0...most).map { KeyRange(single: Key("\($0)")) })
            let clients = WatchRequest(range: .all, clientIDs: Set((0...most).map { "\($0)" }))
            for request in [many, clients] {
                let refused = await home.refusal { () async throws(StoreError) in try await home.store.watch(request) }
                #expect(refused?.code == .invalidArgument)
            }
        },
    ]
}
