internal import CairnModel
internal import Testing

extension Check {
    static let patterns: [Check] = [
        Check("a glob matches the whole key, and a star stops at a slash") { home in
            let keys: [Key] = [
                "a", "ab", "a/b", "a/b/c", "a/bc", "b", "a.b", "a*b", "a{b", "a-1", "a-2", "a-z", "ä", "[a]", "a\\b",
            ]
            for key in keys { try await home.store.set(key, "1") }
            let expected: [(String, [Key])] = [
                ("*", keys.filter { !$0.bytes.contains(UInt8(ascii: "/")) }), ("**", keys), ("a", ["a"]),
                ("a/*", ["a/b", "a/bc"]), ("a/**", ["a/b", "a/b/c", "a/bc"]), ("?", ["a", "b", "ä"]),
                ("a?b", ["a.b", "a*b", "a{b", "a\\b"]), ("a\\*b", ["a*b"]), ("a.b", ["a.b"]), ("a\\{b", ["a{b"]),
                ("a-[0-9]", ["a-1", "a-2"]), ("a-[!0-9]", ["a-z"]), ("{a,b}", ["a", "b"]),
                ("a{,b,/b}", ["a", "ab", "a/b"]),
                ("\\[a\\]", ["[a]"]), ("a\\\\b", ["a\\b"]), ("", []), ("A", []), ("a/", []), ("*/c", []),
                ("**/c", ["a/b/c"]), ("a[/]b", ["a/b"]), ("a[!x]b", ["a.b", "a*b", "a{b", "a\\b"]),
            ]
            for (glob, found) in expected {
                let listed = try await home.keys(ListRequest(prefix: "", pattern: .glob(glob)))
                #expect(listed == found.sorted(), "\(glob)")
            }
        },
        Check("a regular expression matches anywhere in the key, within the range") { home in
            for key: Key in ["bar", "baz", "foo", "jobs/1", "jobs/22", "x/bar"] { try await home.store.set(key, "1") }
            let expected: [(String, Key, [Key])] = [
                ("baz*", "", ["bar", "baz", "x/bar"]), ("^ba", "", ["bar", "baz"]),
                (".+o.+", "", ["foo", "jobs/1", "jobs/22"]),
                ("[0-9]{2}$", "", ["jobs/22"]), ("a", "x", ["x/bar"]), ("(?i)FOO", "", ["foo"]), ("^nothing", "", []),
                ("", "", ["bar", "baz", "foo", "jobs/1", "jobs/22", "x/bar"]), ("^jobs/[0-9]$", "jo", ["jobs/1"]),
                ("^(foo|jobs/1)$", "", ["foo", "jobs/1"]),
            ]
            for (regex, prefix, found) in expected {
                let listed = try await home.keys(ListRequest(prefix: prefix, pattern: .regex(regex)))
                #expect(listed == found, "\(regex)")
            }
        },
        Check("pages of a search join to the whole, with values") { home in
            for number in 0..<300 { try await home.store.set(Key("key/\(number)"), Value("\(number)")) }
            for limit in [1, 7, 100, nil] {
                var request = ListRequest(prefix: "key/", limit: limit, pattern: .regex("7$"))
                var found: [Record] = []
                repeat {
                    let page = try await home.store.list(request)
                    #expect(page.entries.count <= limit ?? .max)
                    found += page.records
                    request.page = page.next
                } while request.page != nil
                #expect(found.count == 30)
                #expect(found.allSatisfy { $0.key == Key("key/\($0.value.text ?? "")") })
                #expect(found.map(\.key) == found.map(\.key).sorted())
            }
            let most = try await home.store.list(ListRequest(prefix: "", limit: Int.max, pattern: .regex("7$")))
            #expect(most.records.count == 30 && most.next == nil)
            let bare = try await home.store.list(ListRequest(prefix: "", keysOnly: true, pattern: .glob("key/1?")))
            #expect(bare.records.count == 10 && bare.records.allSatisfy { $0.value.bytes.isEmpty })
        },
        Check("a pattern that makes no sense is refused, with what is wrong") { home in
            let patterns: [KeyPattern] = [
                .regex("("), .regex("[a"), .regex("a**"), .regex("\\1"), .regex("(?=a)"), .glob("{a"), .glob("[a"),
                .glob("a\\"), .regex(String(repeating: "a", count: 1_025)), .regex("((a{100}){100}){100}"),
            ]
            for pattern in patterns {
                let refused = await home.refusal { () async throws(StoreError) in
                    try await home.store.list(ListRequest(prefix: "", pattern: pattern))
                }
                #expect(refused?.code == .invalidArgument, "\(pattern.text.prefix(40))")
            }
        },
        Check("a hostile pattern costs no more than its length") { home in
            // Backtracking would take 2 to the power of 1,000 steps for each of these.
            let key = Key(String(repeating: "a", count: 1_000))
            try await home.store.set(key, "1")
            for pattern: KeyPattern in [
                .regex("^(a+)+$x"), .regex("^(a|aa)+b$"), .regex("(x+x+)+y"), .regex("^(a?){500}a{500}$"),
                .glob(String(repeating: "*a", count: 400) + "b"),
            ] {
                let found = await home.refusal { () async throws(StoreError) in
                    _ = try await home.store.list(ListRequest(prefix: "", pattern: pattern))
                }
                #expect(found == nil || found?.code == .invalidArgument)
            }
        },
    ]
}
