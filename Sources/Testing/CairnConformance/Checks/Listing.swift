internal import CairnModel
internal import Testing

extension Check {
    static let listing: [Check] = [
        Check("a list is in bytewise order and finds what starts with the prefix") { home in
            for number in 0..<20 { try await home.store.set(Key("\(number)"), "1") }
            let all = try await home.keys(ListRequest(prefix: ""))
            #expect(all.count == 20)
            let ones = try await home.keys(ListRequest(prefix: "1"))
            #expect(ones == ["1"] + (10...19).map { Key("\($0)") })
            let kinds = try await home.store.capabilities.has(.eventLog) ? home.kinds("1") : []
            #expect(kinds.isEmpty || kinds == Array(repeating: .created, count: 11))
        },
        Check("an underscore in a prefix is a plain character") { home in
            for key: Key in ["a_1", "ab1", "a%1", "a%", "A_1", "a\\_1", "a*1"] { try await home.store.set(key, "1") }
            for prefix: Key in ["a_1", "a%1", "A_1", "a\\_", "a*"] {
                let keys = try await home.keys(ListRequest(prefix: prefix))
                #expect(keys.count == 1, "\(prefix)")
            }
            let percent = try await home.keys(ListRequest(prefix: "%"))
            #expect(percent.isEmpty)
        },
        Check("a list and a watch agree on what a prefix is", requires: [.eventLog]) { home in
            let keys: [Key] = [
                "a_1", "ab1", "a", "a/", "B", Key(bytes: [0x61, 0xFF]), Key(bytes: [0x61, 0xFF, 1]), "b",
            ]
            for key in keys { try await home.store.set(key, "1") }
            for prefix: Key in ["", "a", "a_", "a/", "b", Key(bytes: [0x61, 0xFF]), Key(bytes: [0xFF])] {
                let listed = try await home.keys(ListRequest(prefix: prefix))
                let streamed = try await home.events(prefix).map(\.key)
                #expect(listed == streamed.sorted(), "\(prefix)")
                #expect(listed == keys.filter { $0.hasPrefix(prefix) }.sorted(), "\(prefix)")
            }
        },
        Check("prefixes of the highest bytes end where they should") { home in
            let keys: [Key] = [
                Key(bytes: [0xFE, 0xFF]), Key(bytes: [0xFE, 0xFF, 0xFF]), Key(bytes: [0xFF]), Key(bytes: [0xFF, 0xFF]),
                Key(bytes: [0xFF, 0xFF, 0]),
            ]
            for key in keys { try await home.store.set(key, "1") }
            let fe = try await home.keys(ListRequest(prefix: Key(bytes: [0xFE, 0xFF])))
            #expect(fe == Array(keys[..<2]))
            let ff = try await home.keys(ListRequest(prefix: Key(bytes: [0xFF])))
            #expect(ff == Array(keys[2...]))
            let ffff = try await home.keys(ListRequest(prefix: Key(bytes: [0xFF, 0xFF])))
            #expect(ffff == Array(keys[3...]))
        },
        Check("a range includes its lower end and not its upper") { home in
            for key: Key in ["a", "b", "c", "d"] { try await home.store.set(key, "1") }
            let middle = try await home.keys(ListRequest(range: KeyRange(from: "b", to: "d")))
            #expect(middle == ["b", "c"])
            let open = try await home.keys(ListRequest(range: KeyRange(from: "bb", to: nil)))
            #expect(open == ["c", "d"])
            let empty = try await home.keys(ListRequest(range: KeyRange(from: "d", to: "b")))
            #expect(empty.isEmpty)
            let one = try await home.keys(ListRequest(range: KeyRange(single: "c")))
            #expect(one == ["c"])
        },
        Check("deleted keys are not listed") { home in
            for key: Key in ["a", "b", "c"] { try await home.store.set(key, "1") }
            try await home.store.delete("b")
            let keys = try await home.keys(ListRequest(range: .all))
            #expect(keys == ["a", "c"])
        },
        Check("pages join to the whole, however small") { home in
            for number in 0..<25 { try await home.store.set(Key("k\(number)"), Value("\(number)")) }
            let whole = try await home.store.list(ListRequest(range: .all))
            #expect(whole.next == nil)
            #expect(whole.entries.count == 25)
            for limit in [1, 2, 7, 24, 25, 26] {
                var request = ListRequest(range: .all, limit: limit)
                var entries: [ListPage.Entry] = []
                var pages = 0
                while true {
                    let page = try await home.store.list(request)
                    #expect(page.entries.count <= limit)
                    entries += page.entries
                    pages += 1
                    guard let next = page.next else { break }
                    request.page = next
                }
                #expect(entries == whole.entries, "limit \(limit)")
                #expect(pages == (25 + limit - 1) / limit, "limit \(limit)")
            }
        },
        Check("a page ends when it is large, and none is left out") { home in
            let half = home.store.limits.pageBytes / 2 + 1
            for number in 0..<7 { try await home.store.set(Key("k\(number)"), .noise(half)) }
            let first = try await home.store.list(ListRequest(range: .all))
            #expect(first.next != nil)
            #expect(first.entries.count < 7)
            let keys = try await home.keys(ListRequest(range: .all))
            #expect(keys == (0..<7).map { Key("k\($0)") })
        },
        Check("a list can leave the values out") { home in
            let record = try await home.store.set("key", "value")
            let page = try await home.store.list(ListRequest(range: .all, keysOnly: true))
            #expect(page.records.map(\.key) == ["key"])
            #expect(page.records.first?.value.bytes == [])
            #expect(page.records.first?.version == record.version)
            #expect(page.records.first?.updatedRef == record.updatedRef)
        },
        Check("deep keys are rolled up into directories") { home in
            let keys: [Key] = ["d", "d/a", "d/b/1", "d/b/2", "d/b/c/3", "d/b0", "d/e/", "d/f//x", "e/1"]
            for key in keys { try await home.store.set(key, "1") }
            let one = try await home.keys(ListRequest(prefix: "d/", depth: 1))
            #expect(one == ["d/a", "d/b/", "d/b0", "d/e/", "d/f/"])
            let two = try await home.keys(ListRequest(prefix: "d/", depth: 2))
            #expect(two == ["d/a", "d/b/1", "d/b/2", "d/b/c/", "d/b0", "d/e/", "d/f//"])
            let top = try await home.keys(ListRequest(prefix: "", depth: 1))
            #expect(top == ["d", "d/", "e/"])
            let deep = try await home.keys(ListRequest(prefix: "", depth: 9))
            #expect(deep == keys.sorted())
            let page = try await home.store.list(ListRequest(prefix: "d/", depth: 1, limit: 2))
            #expect(page.entries.map(\.key) == ["d/a", "d/b/"])
            #expect(page.entries.last == .directory("d/b/"))
            let paged = try await home.keys(ListRequest(prefix: "d/", depth: 1, limit: 1))
            #expect(paged == one)
        },
        Check("a page says how far the log was", requires: [.eventLog]) { home in
            try await home.store.set("a", "1")
            try await home.store.set("b", "1")
            let page = try await home.store.list(ListRequest(range: .all))
            #expect(page.ref == 2)
        },
    ]
}
