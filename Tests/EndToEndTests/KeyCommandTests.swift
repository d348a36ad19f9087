import Foundation
import Testing

/// `set`, `get`, `delete` and `list` of the built binary.
@Suite("Commands: keys")
struct KeyCommandTests {
    @Test("set and get: the README's first two commands")
    func setAndGet() async throws {
        try await withServer { (cairn) async throws in
            let set = try await cairn("set", "greeting", "hello")
            #expect(set.status == .code(0))
            #expect(set.text == "version 1, ref 1\n")
            let get = try await cairn("get", "greeting")
            #expect(get.status == .code(0))
            // The raw value and nothing else, so that it can be piped on.
            #expect(get.output == Array("hello".utf8))
            #expect(get.errors.isEmpty)
            #expect(try await cairn("set", "greeting", "again").text == "version 2, ref 2\n")
        }
    }

    @Test("--json has the fields of a record")
    func recordFields() async throws {
        try await withServer { (cairn) async throws in
            let set = try await cairn("set", "a", "1", "--json").object()
            #expect(set.names.isSuperset(of: ["key", "value", "version", "createdRef", "updatedRef", "leaseID"]))
            try await cairn.must("set", "a", "2")
            let get = try await cairn("get", "a", "--json").object()
            #expect(get.text("key") == "a")
            #expect(get.text("value") == "2")
            #expect(get.number("version") == 2)
            #expect(get.number("createdRef") == 1)
            #expect(get.number("updatedRef") == 2)
            #expect(get.number("leaseID") == 1)
            #expect(!get.names.contains("valueBase64"))
        }
    }

    @Test("a value comes from standard input, as it is, and goes out as it is")
    func standardInput() async throws {
        let bytes: [UInt8] = [0, 0xFF, 10, 13, 0x80] + Array("text\n".utf8)
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "raw", "-", input: bytes)
            #expect(try await cairn("get", "raw").output == bytes)
            let object = try await cairn("get", "raw", "--json").object()
            #expect(object.text("valueBase64") == "AP8KDYB0ZXh0Cg==")
            #expect(!object.names.contains("value"))
            try await cairn.must("set", "empty", "-")
            #expect(try await cairn("get", "empty").output.isEmpty)
            let large = [UInt8](repeating: 7, count: 4 << 20)
            try await cairn.must("set", "large", "-", input: large)
            #expect(try await cairn("get", "large").output == large)
            let refused = try await cairn("set", "larger", "-", input: large + [7])
            #expect(refused.status == .code(1))
            #expect(refused.errors.contains("4194305"), "the error tells the size: \(refused.errors)")
            #expect(try await cairn("get", "larger").status == .code(3))
        }
    }

    @Test("conditions: --if-absent, --if-present, --if-version, --if-ref, --if-value")
    func conditions() async throws {
        try await withServer { (cairn) async throws in
            #expect(try await cairn("set", "a", "1", "--if-present").status == .code(4))
            #expect(try await cairn("set", "a", "1", "--if-absent").status == .code(0))
            let refused = try await cairn("set", "a", "2", "--if-absent")
            #expect(refused.status == .code(4))
            #expect(refused.output.isEmpty)
            #expect(refused.errors.hasPrefix("cairn: "))
            #expect(refused.errors.contains("version 1"), "it says what is there instead: \(refused.errors)")
            #expect(try await cairn("set", "a", "2", "--if-version", "1").status == .code(0))
            #expect(try await cairn("set", "a", "3", "--if-version", "1").status == .code(4))
            #expect(try await cairn("set", "a", "3", "--if-ref", "2").status == .code(0))
            #expect(try await cairn("set", "a", "4", "--if-value", "3").status == .code(0))
            #expect(try await cairn("set", "a", "5", "--if-value", "3").status == .code(4))
            #expect(try await cairn("delete", "a", "--if-version", "1").status == .code(4))
            #expect(try await cairn("delete", "a", "--if-version", "4").status == .code(0))
            #expect(try await cairn("set", "a", "1", "--if-version", "0").text == "version 6, ref 6\n")
        }
    }

    @Test("delete one key, or a tree of them")
    func deletion() async throws {
        try await withServer { (cairn) async throws in
            for key in ["t/1", "t/2", "u"] { try await cairn.must("set", key, "x") }
            #expect(try await cairn("delete", "u").text == "version 2, ref 4\n")
            let missing = try await cairn("delete", "u")
            #expect(missing.status == .code(3))
            #expect(missing.errors.contains("\"u\""))
            #expect(try await cairn("get", "u").status == .code(3))
            #expect(try await cairn("delete", "--tree", "t/").text == "2 deleted\n")
            #expect(try await cairn("delete", "--tree", "t/").text == "0 deleted\n")
            try await cairn.must("set", "v", "x")
            let deleted = try await cairn("delete", "v", "--json").object()
            #expect(deleted.number("deletedRef") == 8)
            #expect(try await cairn("list").output.isEmpty)
        }
    }

    @Test("list: everything, a prefix, values, keys only, depth, pages")
    func list() async throws {
        try await withServer { (cairn) async throws in
            for key in ["b", "a/1", "a/2", "a/x/1", "a%", "é"] { try await cairn.must("set", key, "v of \(key)") }
            #expect(try await cairn("list").lines == ["a%", "a/1", "a/2", "a/x/1", "b", "é"])
            #expect(try await cairn("list", "a/").lines == ["a/1", "a/2", "a/x/1"])
            #expect(try await cairn("list", "a%").lines == ["a%"])
            #expect(try await cairn("list", "a*").lines == [])
            #expect(try await cairn("list", "b", "--values").lines == ["b\tv of b"])
            #expect(try await cairn("list", "a/", "--depth", "1").lines == ["a/1", "a/2", "a/x/"])
            let objects = try await cairn("list", "--json").objects()
            #expect(objects.compactMap { $0.text("key") } == ["a%", "a/1", "a/2", "a/x/1", "b", "é"])
            #expect(objects[4].text("value") == "v of b")
            #expect(objects[4].number("updatedRef") == 1)
            let keys = try await cairn("list", "--json", "--keys-only").objects()
            #expect(keys.count == 6 && keys.allSatisfy { !$0.names.contains("value") })
            let directories = try await cairn("list", "a/", "--depth", "1", "--json").objects()
            #expect(directories.last?.text("directory") == "a/x/")
            let page = try await cairn("list", "--limit", "4")
            #expect(page.lines == ["a%", "a/1", "a/2", "a/x/1"])
            let token = try #require(page.errors.split(separator: " ").last).trimmingCharacters(
                in: .whitespacesAndNewlines)
            #expect(page.errors.contains("--page"), "standard error tells how to go on: \(page.errors)")
            #expect(try await cairn("list", "--page", token).lines == ["b", "é"])
        }
    }

    @Test("the deadline options: --expires-in, --never-expires, --lease")
    func deadlines() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "short", "x", "--expires-in", "50ms")
            // The watch ends when the key has expired; no clock is asked here.
            let watch = try cairn.start("watch", "short", "--from", "0", "--json")
            let lines = try await watch.output.lines(atLeast: 2)
            #expect(try JSONFields(lines[1]).text("kind") == "expired")
            try await watch.killAndWait()
            #expect(try await cairn("get", "short").status == .code(3))
            let id = try await cairn.must("set", "long", "x", "--expires-in", "1h", "--json").object().number("leaseID")
            let shown = try await cairn("lease", "show", "\(try #require(id))", "--json").object()
            #expect(try #require(shown.number("timeLeftMs")) > 3_000_000)
            try await cairn.must("set", "long", "y", "--never-expires")
            #expect(try await cairn("lease", "list").output.isEmpty)
            let both = try await cairn("set", "long", "z", "--never-expires", "--expires-in", "1h")
            #expect(both.status == .code(64))
            let unknown = try await cairn("set", "long", "z", "--lease", "999")
            #expect(unknown.status == .code(3))
            #expect(unknown.errors.contains("lease 999"))
        }
    }
}
