internal import CairnModel
internal import Testing

extension Check {
    static let history: [Check] = [
        Check("a key's history is each of its versions, newest first", requires: [.eventLog]) { home in
            let store = home.store
            try await store.set("key", "one", clientID: "ann")
            try await store.set("other", "x")
            try await store.set("key", "two", clientID: "bob")
            try await store.delete("key", clientID: "carl")
            try await store.set("key", "three")
            let page = try await store.history(HistoryRequest("key"))
            #expect(page.revisions.map(\.record.version) == [4, 3, 2, 1])
            #expect(page.revisions.map(\.kind) == [.created, .deleted, .updated, .created])
            #expect(page.revisions.map(\.clientID) == ["", "carl", "bob", "ann"])
            #expect(page.revisions.map(\.record.updatedRef) == [5, 4, 3, 1])
            #expect(page.revisions.filter(\.record.isLive).map(\.record.value) == ["three", "two", "one"])
            #expect(page.revisions.allSatisfy { $0.time != nil })
            #expect(page.isWhole && page.next == nil)
            let never = try await store.history(HistoryRequest("never"))
            #expect(never.revisions.isEmpty)
        },
        Check("pages of a history join to the whole", requires: [.eventLog]) { home in
            let store = home.store
            for number in 1...25 {
                try await store.set("key", Value("\(number)"))
                try await store.set("between", "x")
            }
            for limit in [1, 7, 25, 30] {
                var versions: [Int64] = []
                var request = HistoryRequest("key", limit: limit)
                repeat {
                    let page = try await store.history(request)
                    #expect(page.revisions.count <= limit)
                    #expect(page.isWhole == (page.next == nil))
                    versions += page.revisions.map(\.record.version)
                    request.page = page.next
                } while request.page != nil
                #expect(versions == (1...25).reversed(), "\(limit)")
            }
            let refused = await home.refusal { () async throws(StoreError) in
                try await store.history(HistoryRequest("key", limit: 0))
            }
            #expect(refused?.code == .invalidArgument)
            // A page is no way to another key's past.
            try await store.set("secret", "x")
            let head = try await store.status().headRef
            let foreign = await home.refusal { () async throws(StoreError) in
                try await store.history(HistoryRequest("key", page: head))
            }
            #expect(foreign?.code == .invalidArgument)
        },
        Check("a version is found by its number, and counted back from the last", requires: [.eventLog]) { home in
            let store = home.store
            for number in 1...5 { try await store.set("key", Value("\(number)")) }
            for number: Int64 in 1...5 {
                let found = try await store.revision(of: "key", .version(number), clientID: "")
                #expect(found?.record.value == Value("\(number)") && found?.record.version == number)
                #expect(found?.time != nil)
                let back = try await store.revision(of: "key", .back(5 - number), clientID: "")
                #expect(back == found)
            }
            for revision: Revision in [.version(6), .version(0), .version(-1), .back(5), .back(.max)] {
                let found = try await store.revision(of: "key", revision, clientID: "")
                #expect(found == nil, "\(revision)")
            }
            let unknown = try await store.revision(of: "unknown", .version(1), clientID: "")
            #expect(unknown == nil)
        },
        Check("versions are counted back from the last, also when the first are gone", requires: [.compaction]) {
            home in
            let store = home.store
            for number in 1...5 { try await store.set("key", Value("\(number)")) }
            try await store.compact(before: 4)
            for (back, value) in [(0, "5"), (1, "4")] as [(Int64, Value)] {
                let found = try await store.revision(of: "key", .back(back), clientID: "")
                #expect(found?.record.value == value, "\(back)")
            }
            let gone = await home.refusal { () async throws(StoreError) in
                try await store.revision(of: "key", .back(2), clientID: "")
            }
            #expect(gone?.code == .compacted && gone?.oldestRef == 4)
            let never = try await store.revision(of: "key", .back(5), clientID: "")
            #expect(never == nil)
        },
        Check("the version of a deletion is a tombstone", requires: [.eventLog]) { home in
            let store = home.store
            try await store.set("key", "1")
            try await store.delete("key")
            let ended = try await store.revision(of: "key", .version(2), clientID: "")
            #expect(ended?.record.isLive == false && ended?.kind == .deleted)
            let before = try await store.revision(of: "key", .back(1), clientID: "")
            #expect(before?.record.value == "1" && before?.kind == .created)
        },
        Check("locks make no versions, and don't hide who made one", requires: [.eventLog, .locks]) { home in
            let store = home.store
            try await store.set("key", "1", clientID: "ann")
            try await store.lock("key", for: .seconds(60), clientID: "bob")
            try await store.unlock("key", clientID: "bob")
            try await store.set("key", "2", clientID: "carl")
            try await store.lock("key", for: .seconds(60), mode: .write, clientID: "bob")
            let page = try await store.history(HistoryRequest("key"))
            #expect(page.revisions.map(\.record.version) == [2, 1])
            let first = try await store.revision(of: "key", .version(1), clientID: "")
            #expect(first?.clientID == "ann" && first?.kind == .created)
            let last = try await store.revision(of: "key", .back(0), clientID: "")
            #expect(last?.clientID == "carl" && last?.record.value == "2")
        },
        Check("what is locked exclusively is not told of the past either", requires: [.eventLog, .locks]) { home in
            let store = home.store
            try await store.set("key", "1")
            try await store.set("key", "2")
            try await store.lock("key", for: .seconds(60), clientID: "ann")
            for revision: Revision in [.version(1), .back(1), .asOf(1)] {
                let refused = await home.refusal { () async throws(StoreError) in
                    try await store.revision(of: "key", revision, clientID: "bob")
                }
                #expect(refused?.code == .keyLocked, "\(revision)")
                let told = try await store.revision(of: "key", revision, clientID: "ann")
                #expect(told?.record.value == "1")
            }
            let refused = await home.refusal { () async throws(StoreError) in
                try await store.history(HistoryRequest("key", clientID: "bob"))
            }
            #expect(refused?.code == .keyLocked)
            let past = try await store.list(ListRequest(prefix: "", clientID: "bob", asOf: 1))
            #expect(past.withheld == ["key"] && past.records.map(\.value.bytes) == [[]])
        },
        Check(
            "history ends where the log begins, and the current state is always told", requires: [.compaction]
        ) { home in
            let store = home.store
            for number in 1...5 { try await store.set("key", Value("\(number)")) }
            try await store.compact(before: 4)
            let page = try await store.history(HistoryRequest("key"))
            #expect(page.revisions.map(\.record.version) == [5, 4])
            #expect(!page.isWhole && page.next == nil)
            let refused = await home.refusal { () async throws(StoreError) in
                try await store.revision(of: "key", .version(2), clientID: "")
            }
            #expect(refused?.code == .compacted && refused?.oldestRef == 4)
            try await store.set("other", "x")
            try await store.compact(before: 7)
            let current = try await store.history(HistoryRequest("key"))
            #expect(current.revisions.map(\.record.value) == ["5"])
            #expect(current.revisions.map(\.time) == [nil])
            #expect(!current.isWhole)
            let last = try await store.revision(of: "key", .version(5), clientID: "")
            #expect(last?.record.value == "5" && last?.kind == nil)
        },
    ]
}
