import Foundation
import Testing

/// What keys were, by the built binary: `history`, `get --revision`, `get --as-of`, `list --as-of`, and its limits.
@Suite("Commands: history")
struct HistoryCommandTests {
    @Test("get --revision prints what a key was; negative numbers count back, 0 is now")
    func revisions() async throws {
        try await withServer { (cairn) async throws in
            for value in ["one", "two", "three"] { try await cairn.must("set", "foo", value) }
            #expect(try await cairn("get", "foo", "--revision", "2").output == Array("two".utf8))
            #expect(try await cairn("get", "foo", "--revision", "0").output == Array("three".utf8))
            #expect(try await cairn("get", "foo", "--revision=-2").output == Array("one".utf8))
            #expect(try await cairn("get", "foo", "--as-of", "1").output == Array("one".utf8))
            let json = try await cairn("get", "foo", "--revision", "2", "--json").object()
            #expect(json.number("version") == 2 && json.number("ref") == 2 && json.text("kind") == "updated")
            for wrong in ["--revision=4", "--revision=-3"] {
                let refused = try await cairn("get", "foo", wrong)
                #expect(refused.status == .code(3), "\(refused.errors)")
                #expect(refused.errors.contains("has no revision"), "\(refused.errors)")
            }
            let both = try await cairn("get", "foo", "--revision", "1", "--as-of", "1")
            #expect(both.status == .code(64))
        }
    }

    @Test("history prints each state, newest first, over a deletion")
    func history() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "foo", "one", "--client-id", "ann")
            try await cairn.must("delete", "foo", "--client-id", "bob")
            try await cairn.must("set", "foo", "two", "--client-id", "ann")
            let lines = try await cairn("history", "foo").lines.map { $0.split(separator: "\t").map(String.init) }
            #expect(lines.map { $0[0] } == ["v3", "v2", "v1"])
            #expect(lines.map { $0[3] } == ["created", "deleted", "created"])
            #expect(lines.map { $0[4] } == ["ann", "bob", "ann"])
            #expect(lines.map { $0.last } == ["two", "bob", "one"])
            let limited = try await cairn("history", "foo", "--limit", "1", "--json").objects()
            #expect(limited.count == 1 && limited[0].text("value") == "two")
            #expect(try await cairn("history", "nothing").status == .code(3))
            let listed = try await cairn("list", "--as-of", "1", "--values").lines
            #expect(listed == ["foo\tone"])
            #expect(try await cairn("list", "--as-of", "2").lines.isEmpty)
            try await cairn.must("compact", "3")
            let kept = try await cairn("history", "foo")
            #expect(kept.lines.count == 1 && kept.errors.contains("not kept"), "\(kept.errors)")
            let gone = try await cairn("get", "foo", "--as-of", "1")
            #expect(gone.status == .code(6) && gone.errors.contains("no longer kept"), "\(gone.errors)")
        }
    }

    @Test(
        "the server's limits: how many states, for which prefixes, and whether over a deletion",
        arguments: ["memory:", "sqlite:cairn.db"])
    func limits(_ store: String) async throws {
        try await withTemporaryDirectory { directory in
            let store = store.replacing("sqlite:", with: "sqlite:\(directory)/")
            try await expectLimits(store)
        }
    }

    private func expectLimits(_ store: String) async throws {
        let options = ["--history-limit", "2", "--history-limit-for", "secret/=0", "--no-history-of-ended"]
        try await withServer(store: store, options: options) { (cairn) async throws in
            for value in 1...4 { try await cairn.must("set", "foo", "\(value)") }
            #expect(try await cairn("history", "foo").lines.count == 2)
            #expect(try await cairn("get", "foo", "--revision", "2").status == .code(3))
            #expect(try await cairn.must("get", "foo", "--revision=-1").text == "3")
            #expect(try await cairn("get", "foo", "--revision=-2").status == .code(3))
            try await cairn.must("set", "secret/a", "1")
            let off = try await cairn("history", "secret/a")
            #expect(off.status != .code(0) && off.errors.contains("history-limit"), "\(off.errors)")
            try await cairn.must("delete", "foo")
            #expect(try await cairn("history", "foo").status == .code(3))
            try await cairn.must("set", "foo", "again")
            #expect(try await cairn("history", "foo").lines.count == 1)
        }
    }

    @Test("list --glob and --regex choose keys; a wrong pattern is told")
    func patterns() async throws {
        try await withServer { (cairn) async throws in
            for key in ["bar", "baz", "foo", "dir/bar"] { try await cairn.must("set", key, "1") }
            #expect(try await cairn("list", "--regex", "ba*").lines == ["bar", "baz", "dir/bar"])
            #expect(try await cairn("list", "--glob", "ba*").lines == ["bar", "baz"])
            #expect(try await cairn("list", "--glob", "ba*", "--limit", "1").lines == ["bar"])
            let wrong = try await cairn("list", "--regex", "(")
            #expect(wrong.status == .code(1) && wrong.errors.contains("missing )"), "\(wrong.errors)")
        }
    }

    @Test("watch takes several prefixes and clients; beyond --max-watches it is refused")
    func watches() async throws {
        try await withServer(options: ["--max-watches", "1"]) { (cairn) async throws in
            try await cairn.must("set", "a/1", "1", "--client-id", "ann")
            try await cairn.must("set", "b/1", "1", "--client-id", "bob")
            try await cairn.must("set", "c/1", "1", "--client-id", "ann")
            let both = try await cairn("watch", "a/", "b/", "--from", "1", "--until-head").lines
            #expect(both.count == 2)
            let ann = try await cairn("watch", "--from", "1", "--until-head", "--by", "ann", "--json").objects()
            #expect(ann.map { $0.number("ref") } == [1, 3])
            let open = try cairn.start("watch", "a/", "--from", "1")
            _ = try await open.output.lines(atLeast: 1)
            let refused = try await cairn("watch", "--from", "1", "--until-head")
            #expect(refused.status != .code(0) && refused.errors.contains("max-watches"), "\(refused.errors)")
            open.signal(SIGINT)
            _ = try await open.status()
        }
    }
}
