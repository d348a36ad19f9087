internal import CairnModel
internal import Testing

extension Check {
    static let keysAndValues: [Check] = [
        Check("a new store is empty and its log begins at 1", requires: [.eventLog]) { home in
            let status = try await home.store.status()
            #expect(status.headRef == 0)
            #expect(status.oldestRef == 1)
            let keys = try await home.keys(ListRequest(range: .all))
            #expect(keys.isEmpty)
        },
        Check("a key that was never set reads as nothing") { home in
            let record = try await home.store.get("missing")
            #expect(record == nil)
        },
        Check("a set returns the record, and a read finds the same") { home in
            let written = try await home.store.set("key1", "value")
            let read = try await home.store.get("key1")
            #expect(read == written)
            #expect(written.key == "key1")
            #expect(written.value == "value")
            #expect(written.version == 1)
            #expect(written.createdVersion == 1)
            #expect(written.createdRef == written.updatedRef)
            #expect(written.deletedRef == nil)
        },
        Check("the first event and the first lease are number 1", requires: [.eventLog, .leases]) { home in
            let record = try await home.store.set("key1", "value")
            #expect(record.updatedRef == 1)
            #expect(record.leaseID == 1)
        },
        Check("an empty value is a value") { home in
            try await home.store.set("key2", "")
            let record = try await home.store.get("key2")
            #expect(record?.value.bytes == [])
        },
        Check("a value's bytes come back as they were") { home in
            let value = Value(bytes: (0...255).map { UInt8($0) } + [0, 0xFF, 0xC3, 0x28])
            try await home.store.set("key", value)
            let record = try await home.store.get("key")
            #expect(record?.value == value)
        },
        Check("each set is a version of its own, with its value") { home in
            for (index, text) in ["", "1", "aba", ""].enumerated() {
                let record = try await home.store.set("key", Value(text))
                #expect(record.version == Int64(index) + 1)
                let read = try await home.store.get("key")
                #expect(read == record)
                #expect(read?.value == Value(text))
            }
        },
        Check("setting the same value again is a change") { home in
            let first = try await home.store.set("key", "same")
            let second = try await home.store.set("key", "same")
            #expect(second.version == 2)
            #expect(second.updatedRef > first.updatedRef)
        },
        Check("no character of a key is special") { home in
            let keys: [Key] = [
                "a", "A", "á", "a\u{301}", "a ", " a", "a%", "a_", "a*", "a\\", "a'", "a\"", "a;--", "a\n", "a/", "/a",
                "a//",
                "%", "_", Key(bytes: [0]), Key(bytes: [0x61, 0]), Key(bytes: [0xFF]), Key(bytes: [0xC3, 0x28]), "日本",
                "🪨",
            ]
            for (index, key) in keys.enumerated() { try await home.store.set(key, Value("\(index)")) }
            for (index, key) in keys.enumerated() {
                let record = try await home.store.get(key)
                #expect(record?.value == Value("\(index)"), "\(key)")
                #expect(record?.key == key)
                #expect(record?.version == 1)
            }
            let listed = try await home.keys(ListRequest(range: .all))
            #expect(listed == keys.sorted())
        },
        Check("a deleted key reads as nothing") { home in
            let before = try await home.store.set("key", "1")
            let tombstone = try await home.store.delete("key")
            #expect(tombstone.version == 2)
            #expect(tombstone.deletedRef == tombstone.updatedRef)
            #expect(tombstone.updatedRef == before.updatedRef.next)
            #expect(tombstone.createdRef == before.createdRef)
            #expect(tombstone.value.bytes.isEmpty)
            let record = try await home.store.get("key")
            #expect(record == nil)
        },
        Check("deleting what is not there is refused and makes no event", requires: [.eventLog]) { home in
            let never = await home.refusal { () async throws(StoreError) in try await home.store.delete("key") }
            #expect(never?.code == .keyNotFound)
            #expect(never?.key == "key")
            try await home.store.set("key", "1")
            try await home.store.delete("key")
            let again = await home.refusal { () async throws(StoreError) in try await home.store.delete("key") }
            #expect(again?.code == .keyNotFound)
            let kinds = try await home.kinds()
            #expect(kinds == [.created, .deleted])
        },
        Check("a pop tells the value and ends the key; of what is not there it tells nothing", requires: [.eventLog]) {
            home in
            let set = try await home.store.set("key", "1")
            let popped = try await home.store.pop("key", clientID: "ann")
            #expect(popped == set)
            let read = try await home.store.get("key")
            #expect(read == nil)
            let event = try await home.events().last
            #expect(event?.kind == .deleted && event?.clientID == "ann")
            for key: Key in ["key", "never"] {
                let nothing = try await home.store.pop(key)
                #expect(nothing == nil, "\(key)")
            }
            let head = try await home.store.status().headRef
            #expect(head == 2)
        },
        Check("a stale read finds what is there or was") { home in
            try await home.store.set("key", "1")
            let record = try await home.store.get("key", consistency: .stale)
            #expect(record == nil || record?.value == "1")
        },
        Check("a read sees the write that was answered before it") { home in
            for number in 0..<50 {
                try await home.store.set("key", Value("\(number)"))
                let record = try await home.store.get("key")
                #expect(record?.value == Value("\(number)"))
                let page = try await home.store.list(ListRequest(prefix: "key"))
                #expect(page.records.map(\.value) == [Value("\(number)")])
            }
        },
    ]
}
