internal import CairnModel
internal import Testing

extension Check {
    static let contentTypes: [Check] = [
        Check("a value keeps the content type that it was set with, until it is set again", requires: [.eventLog]) {
            home in
            let page = try Value("<p>", contentType: "text/html; charset=\"utf-8\"")
            let written = try await home.store.set("key", page)
            #expect(written.value == page && written.value.contentType == "text/html; charset=\"utf-8\"")
            let read = try await home.store.get("key")
            #expect(read == written && read?.value.text == "<p>")
            let listed = try await home.store.list(ListRequest(range: .all)).records
            #expect(listed.map(\.value) == [page])
            let bare = try await home.store.list(ListRequest(range: .all, keysOnly: true)).records
            #expect(bare.map(\.value) == [""])
            try await home.store.set("key", "<p>")
            let plain = try await home.store.get("key")
            #expect(plain?.value == "<p>" && plain?.value.contentType == nil)
            let before = try await home.store.revision(of: "key", .version(1), clientID: "")
            #expect(before?.record.value == page)
            let history = try await home.store.history(HistoryRequest("key"))
            #expect(history.revisions.map(\.record.value) == ["<p>", page])
            let popped = try await home.store.pop("key")
            #expect(popped?.value == "<p>")
        },
        Check("events carry the content type", requires: [.eventLog]) { home in
            let values: [Value] = [
                try Value("{}", contentType: "application/json"), try Value("{}", contentType: "text/plain"), "{}",
                try Value("", contentType: "a/b"),
            ]
            for value in values { try await home.store.set("key", value) }
            let events = try await home.events()
            #expect(events.map(\.value) == values)
            #expect(events.map { $0.value?.contentType } == ["application/json", "text/plain", nil, "a/b"])
        },
        Check("a set that changes the type alone is a change") { home in
            let json = try Value("1", contentType: "application/json")
            var version: Int64 = 0
            for (value, isNew) in [
                ("1", true), (json, true), (json, false), (try Value("1", contentType: "text/plain"), true),
                ("1", true), ("1", false),
            ] as [(Value, Bool)] {
                if isNew { version += 1 }
                let record = try await home.store.set("key", value, skipIfUnchanged: true)
                #expect(record.version == version && record.value == value)
            }
        },
        Check("a condition on a value is one on its type, too") { home in
            let json = try Value("1", contentType: "application/json")
            try await home.store.set("key", json)
            for value in ["1", try Value("1", contentType: "text/plain")] as [Value] {
                let error = await home.refusal { () async throws(StoreError) in
                    try await home.store.set("key", "2", if: .value(.equal, value))
                }
                #expect(error?.code == .conditionFailed)
            }
            // By kind, then by the length of the type, the type, and the content.
            let tests: [(Condition.Comparison, Value)] = [
                (.greater, "9"), (.notEqual, "1"), (.greater, try Value("9", contentType: "text/plain")),
                (.less, try Value("2", contentType: "application/json")), (.equal, json),
            ]
            let result = try await home.store.commit(
                Transaction(
                    if: tests.map { Condition("key", .value($0, $1)) },
                    then: [.get("key"), .set("key", "2"), .get("key")]))
            #expect(result.succeeded && result.results.count == 3)
            guard case .read(let first)? = result.results.first, case .read(let last)? = result.results.last else {
                Issue.record("nothing was read")
                return
            }
            #expect(first?.value == json && last?.value == "2")
        },
        Check("an inspection tells the type that was given, and the size and hash of the content") { home in
            try await home.store.set("key", try Value("foo", contentType: "image/png"))
            let given = try #require(try await home.store.inspect("key"))
            #expect(given.contentType == "image/png" && given.isContentTypeGiven)
            #expect(given.size == 3 && given.hash == 15_902_901_984_413_996_407)
            #expect(given.record.value == "")
            let whole = try await home.store.inspect("key", withValue: true, clientID: "")
            #expect(whole?.record.value.contentType == "image/png" && whole?.record.value.text == "foo")
            try await home.store.set("key", try Value("", contentType: "image/png"))
            let empty = try await home.store.inspect("key")
            #expect(empty?.contentType == "image/png" && empty?.size == 0)
        },
        Check("a content type takes no room from the value; the longest has 255 bytes") { home in
            let type = "a/" + String(repeating: "b", count: 100) + ";c=" + String(repeating: "d", count: 150)
            let most = home.store.limits.valueBytes
            let value = try Value([UInt8](repeating: 7, count: most), contentType: type)
            try await home.store.set("key", value)
            let record = try await home.store.get("key")
            #expect(record?.value == value && record?.value.contentType == type && record?.value.content.count == most)
            let larger = try Value([UInt8](repeating: 7, count: most + 1), contentType: type)
            let error = await home.refusal { () async throws(StoreError) in try await home.store.set("key", larger) }
            #expect(error?.code == .valueTooLarge)
        },
        Check("bytes that should begin with a content type and don't are not written") { home in
            let malformed: [[UInt8]] = [
                [], [0], [3], [3, 0x61, 0x2F], [1, 0x61, 0x62], [3, 0x61, 0x0A, 0x62], [255, 0x61],
            ]
            for bytes in malformed {
                let error = await home.refusal { () async throws(StoreError) in
                    try await home.store.set("key", Value(kind: .typed, bytes: bytes))
                }
                #expect(error?.code == .invalidArgument && error?.key == "key", "\(bytes)")
            }
        },
    ]
}
