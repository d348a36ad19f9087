import CairnClient
import CairnModel
import Foundation
import Testing

/// The life of keys as those see it who use the built binary, and what the server counts of it.
@Suite("Commands: the life of a key")
struct KeyLifeTests {
    /// How many keys the server says it has.
    private func keys(_ cairn: ServerProcess) async throws -> Int? {
        try await cairn.must("stats", "--json").object().number("keys")
    }

    @Test("set, inspect, update, delete, pop and clear, and the number of keys at each step")
    func life() async throws {
        try await withServer { (cairn) async throws in
            #expect(try await keys(cairn) == 0)
            try await cairn.must("set", "foo", "something")
            #expect(try await cairn.must("get", "foo").text == "something")
            let first = try await cairn.must("inspect", "foo", "--json").object()
            #expect(first.number("version") == 1 && first.number("size") == 9 && first.names.contains("hash"))
            #expect(first.text("createdAt") != nil && first.text("updatedAt") == first.text("createdAt"))
            try await cairn.must("set", "foo", "bar")
            let second = try await cairn.must("inspect", "foo", "--json").object()
            #expect(second.number("version") == 2 && second.number("size") == 3)
            #expect(second.number("hash") == 16_101_355_973_854_746)
            #expect(try #require(second.text("updatedAt")) >= #require(first.text("createdAt")))
            #expect(second.text("createdAt") == first.text("createdAt"))
            try await cairn.must("set", "other", "x")
            #expect(try await keys(cairn) == 2)
            #expect(try await cairn.must("delete", "other", "--json").object().number("deletedRef") == 4)
            #expect(try await keys(cairn) == 1)
            #expect(try await cairn.must("pop", "foo").text == "bar")
            #expect(try await cairn("get", "foo").status == .code(3))
            #expect(try await cairn("inspect", "foo").status == .code(3))
            #expect(try await keys(cairn) == 0)
            try await cairn.must("set", "foo", "again")
            #expect(try await cairn.must("clear", "--all", "--json").objects().count == 1)
            #expect(try await keys(cairn) == 0)
        }
    }

    @Test("keys without values are listed as any others, all of them, some, or those of a pattern")
    func emptyValues() async throws {
        try await withServer { (cairn) async throws in
            for key in ["foo", "bar", "baz"] { try await cairn.must("set", key, "") }
            #expect(try await cairn.must("list").lines == ["bar", "baz", "foo"])
            #expect(try await cairn.must("list", "--limit", "2").lines.count == 2)
            #expect(try await cairn.must("list", "--limit", "100000").lines.count == 3)
            #expect(try await cairn.must("list", "--regex", "ba*").lines == ["bar", "baz"])
            #expect(try await cairn.must("list", "--regex", "ba*", "--limit", "2147483647").lines == ["bar", "baz"])
        }
    }

    @Test("a lifespan ends a key, though it is locked")
    func lifespan() async throws {
        try await withServer { (cairn) async throws in
            let watch = try cairn.start("watch", "brief", "--from", "0", "--json")
            try await cairn.must("set", "brief", "x", "--lifespan", "50ms", "--lock", "1h")
            let kinds = try await watch.output.lines(atLeast: 4).map { try JSONFields($0).text("kind") }
            #expect(kinds == ["created", "locked", "unlocked", "expired"])
            #expect(try await cairn("inspect", "brief").status == .code(3))
            try await watch.killAndWait()
        }
    }

    @Test("locks and read-only as JSON, and an inspection that says what the server answers")
    func outputs() async throws {
        try await withServer(options: ["--admin-client-ids", "ops"]) { (cairn) async throws in
            let lock = try await cairn.must(
                "lock", "made", "10s", "--create-if-missing", "--json", "--client-id", "foo"
            ).object()
            #expect(lock.text("key") == "made" && lock.text("owner") == "foo" && lock.number("durationMs") == 10_000)
            let shown = try await cairn.must("inspect", "made", "--with-value", "--json", "--client-id", "foo").object()
            let client = try cairn.client()
            let found = try #require(try await client.inspect("made", withValue: true, clientID: "foo"))
            #expect(shown.number("version") == Int(found.record.version) && shown.number("size") == found.size)
            #expect(shown.number("updatedRef") == Int(found.record.updatedRef.rawValue))
            #expect(shown.text("value") == "" && found.record.value == "" && shown.text("contentType") == nil)
            #expect(shown.object("lock")?.number("token") == found.lock.map { Int($0.lock.token.rawValue) })
            #expect(shown.object("lease")?.number("id") == Int(found.record.leaseID.rawValue))
            await client.close()
            try await cairn.must("unlock", "made", "--json", "--client-id", "foo")
            #expect(try await cairn.must("locks", "--json").lines.isEmpty)
            for (wish, isOn) in [("on", true), ("off", false)] {
                let answer = try await cairn.must("readonly", wish, "--json", "--client-id", "ops").object()
                #expect(answer.flag("readOnly") == isOn)
                #expect(try await cairn("set", "made", "x").status == .code(isOn ? 1 : 0))
            }
        }
    }
}
