import CairnClient
import CairnModel
import Foundation
import Testing

/// `touch`, `inspect`, `metrics`, `load`, `prune`, `clients` and `set --unless-unchanged` of the built binary.
@Suite("Commands: care for keys")
struct KeyCareCommandTests {
    @Test("set --unless-unchanged and touch leave a key at its version")
    func unchanged() async throws {
        try await withServer { (cairn) async throws in
            #expect(try await cairn.must("set", "a", "1", "--unless-unchanged").text == "version 1, ref 1\n")
            #expect(try await cairn.must("set", "a", "1", "--unless-unchanged").text == "version 1, ref 1\n")
            #expect(try await cairn.must("set", "a", "2", "--unless-unchanged").text == "version 2, ref 2\n")
            #expect(try await cairn.must("touch", "a").text == "never expires\n")
            try await cairn.must("set", "b", "1", "--lifespan", "1h")
            let lease = try await cairn.must("touch", "b", "--json").object()
            #expect(lease.number("durationMs") == 3_600_000 && lease.text("deadline") != nil)
            #expect(try await cairn.must("touch", "b").text.hasPrefix("expires at 20"))
            #expect(try await cairn("touch", "none").status == .code(3))
            let transaction =
                #"{"then": [{"set": {"key": "a", "value": "2", "unlessUnchanged": true}}, {"touch": {"key": "b"}}]}"#
            let result = try await cairn.must("txn", "--json", input: Array(transaction.utf8)).object()
            #expect(result.number("ref") == 3 && result.objects("results")?.count == 2)
            try await cairn.must("lock", "b", "1h", "--client-id", "ann")
            #expect(try await cairn("touch", "b", "--client-id", "bob").status == .code(7))
            #expect(try await cairn.must("get", "b", "--json", "--client-id", "ann").object().number("version") == 1)
        }
    }

    @Test("inspect tells of a key, to all; of its value to those who may read it")
    func inspect() async throws {
        try await withServer(options: ["--key-metrics", "10"]) { (cairn) async throws in
            let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0]
            try await cairn.must("set", "image", "-", "--lifespan", "1h", input: png)
            try await cairn.must("lock", "image", "1h", "--client-id", "ann")
            let found = try await cairn.must("inspect", "image", "--json", "--client-id", "bob").object()
            #expect(found.text("contentType") == "image/png" && found.number("size") == 9)
            #expect(found.flag("contentTypeGiven") == false)
            #expect(found.number("version") == 1 && found.number("updatedRef") == 2 && found.flag("lifespan") == true)
            #expect(found.object("lock")?.text("owner") == "ann" && found.text("createdAt") != nil)
            #expect(found.object("lease")?.number("durationMs") == 3_600_000)
            #expect(!found.names.contains("value") && !found.names.contains("valueBase64"))
            #expect(!found.names.contains("metrics"))
            let refused = try await cairn("inspect", "image", "--with-value", "--client-id", "bob")
            #expect(refused.status == .code(7))
            let mine = try await cairn.must(
                "inspect", "image", "--with-value", "--with-metrics", "--json", "--client-id", "ann")
            #expect(try mine.object().text("valueBase64") == Data(png).base64EncodedString())
            #expect(try mine.object().object("metrics")?.object("accesses")?.number("count") == 0)

            try await cairn.must("set", "text", "foo")
            let lines = try await cairn.must("inspect", "text", "--with-value", "--with-metrics").lines
            #expect(
                lines.contains("hash\tdcb27518fed9d577") && lines.contains("type\ttext/plain; charset=utf-8 (detected)")
            )
            #expect(lines.contains("value\tfoo") && lines.contains("version\t1, created at 1"), "\(lines)")
            #expect(lines.contains("accesses\t0") && lines.contains { $0.hasPrefix("sets\t1\t20") }, "\(lines)")
            #expect(try await cairn("inspect", "none").status == .code(3))
        }
    }

    @Test("metrics outlive their key; a server that doesn't count says so")
    func metrics() async throws {
        try await withServer(options: ["--key-metrics", "10"]) { (cairn) async throws in
            try await cairn.must("set", "foo", "1", "--lock", "1h", "--client-id", "ann")
            try await cairn.must("get", "foo", "--client-id", "ann")
            try await cairn.must("delete", "foo", "--client-id", "ann")
            let found = try await cairn.must("metrics", "foo", "--json").object()
            for name in ["accesses", "sets", "locks"] {
                let activity = try #require(found.object(name))
                #expect(activity.number("count") == 1 && activity.text("first") == activity.text("last"))
            }
            #expect(try await cairn("metrics", "none").status == .code(3))
        }
        try await withServer { (cairn) async throws in
            let result = try await cairn("metrics", "foo")
            #expect(result.status == .code(1) && result.errors.contains("--key-metrics"), "\(result)")
        }
    }

    @Test("metrics and top show the hottest keys, and leave them out where nobody counts them")
    func hottestKeys() async throws {
        try await withServer(options: ["--key-metrics", "10"]) { (cairn) async throws in
            let client = try cairn.client()
            try await client.set("warm", "1")
            try await client.set("hot", "1")
            for _ in 0..<300 { _ = try await client.get("hot") }
            let hot = try await cairn.must("metrics", "--json", "--limit", "1").object()
            #expect(hot.text("key") == "hot" && hot.names.contains("usesPerSecond"))
            #expect(hot.object("metrics")?.object("accesses")?.number("count") == 300)
            #expect(try await cairn.must("metrics").lines.first?.hasSuffix("accesses 300, sets 1, locks 0") == true)
            let frame = try await cairn.must("top", "--once", "--keys", "1").lines
            let title = try #require(frame.firstIndex { $0.hasPrefix("HOTTEST KEYS") })
            #expect(frame[(title + 1)...].map { $0.split(separator: " ").first } == ["hot"], "\(frame)")
            #expect(!(try await cairn.must("top", "--once", "--keys", "0").text.contains("HOTTEST")))
            #expect(try await cairn("metrics", "--limit", "1001").status != .code(0))
            await client.close()
        }
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "a", "1")
            #expect(!(try await cairn.must("top", "--once").text.contains("HOTTEST")))
            #expect(try await cairn("metrics").errors.contains("--key-metrics"))
        }
    }

    @Test("load sets keys from arguments or lines, tells of each, and fails if one was refused")
    func load() async throws {
        try await withServer(options: ["--max-value-bytes", "10"]) { (cairn) async throws in
            let arguments = try await cairn.must("load", "a=1", "b=x=y", "c=")
            #expect(Set(arguments.lines.compactMap { $0.split(separator: "\t").first }) == ["a", "b", "c"])
            #expect(try await cairn.must("get", "b").text == "x=y")
            #expect(try await cairn.must("get", "c").text.isEmpty)
            // Binary values, an empty line, and no line break at the end; one key twice, in order.
            var input: [UInt8] = Array("d=1\n\ne=".utf8) + [0xFF, 0x00]
            for number in 0..<500 { input += Array("\nn/\(number % 100)=\(number)".utf8) }
            let lines = try await cairn.must("load", "--lifespan", "1h", "--lock", "1h", "--json", input: input)
            #expect(lines.lines.count == 502)
            #expect(try await cairn.must("get", "e").output == [0xFF, 0x00])
            #expect(try await cairn.must("get", "n/99").text == "499")
            #expect(try await cairn.must("inspect", "n/99", "--json").object().flag("lifespan") == true)
            #expect(try await cairn.must("locks").lines.count == 102)

            let refused = try await cairn("load", "f=1", "g=12345678901", "no value", "--json")
            #expect(refused.status == .code(1), "\(refused)")
            let objects = Dictionary(uniqueKeysWithValues: try refused.objects().map { ($0.text("key"), $0) })
            #expect(objects["f"]?.number("version") == 1 && objects["g"]?.text("code") == "VALUE_TOO_LARGE")
            #expect(objects["no value"]?.text("error") == "the line has no =")
            #expect(try await cairn.must("get", "f").text == "1")
            #expect(try await cairn("load").status == .code(1))
        }
    }

    @Test("prune leaves so many keys; the server prunes by itself as its settings say")
    func prune() async throws {
        let refused = try await withServer { (cairn) async throws in try await cairn("prune", "0") }
        #expect(refused.status == .code(8) && refused.errors.contains("--admin-client-ids"), "\(refused.errors)")
        try await withServer(options: ["--admin-client-ids", "root"]) { (cairn) async throws in
            for key in ["a", "b", "c", "d"] { try await cairn.must("set", key, "1") }
            let one = try await cairn.must("prune", "3", "--ignore", "a", "--client-id", "root")
            #expect(one.text == "1 pruned\n")
            #expect(try await cairn.must("list").lines == ["a", "c", "d"])
            let two = try await cairn.must("prune", "0", "--ignore", "a", "d", "--json", "--client-id", "root")
            #expect(try two.object().number("pruned") == 1)
            #expect(try await cairn("prune", "0", "--client-id", "bob").status == .code(8))
            #expect(try await cairn.must("list").lines == ["a", "d"])
            let events = try await cairn.must("watch", "--from", "0", "--until-head", "--kind", "pruned", "--json")
            #expect(try events.objects().map { $0.text("key") } == ["b", "c"])
            #expect(try await cairn("prune", "-1").status == .code(64))
        }
        let options = ["--max-keys", "5", "--eager-prune-at", "4", "--prune-exempt", "keep/", "--prune-by", "lru"]
        try await withServer(options: options) { (cairn) async throws in
            let pruned = try cairn.start("watch", "--from", "0", "--kind", "pruned", "--json")
            for key in ["keep/1", "a", "b"] { try await cairn.must("set", key, "1") }
            try await cairn.must("get", "a")
            try await cairn.must("set", "c", "1")
            let first = try await pruned.output.lines(atLeast: 1)
            #expect(try JSONFields(first[0]).text("key") == "b")
            pruned.signal(SIGINT)
            for number in 2...5 { try await cairn.must("set", "keep/\(number)", "1") }
            let full = try await cairn("set", "keep/6", "1")
            #expect(full.status == .code(1) && full.errors.contains("there may be 5"), "\(full)")
        }
    }

    @Test("clients lists who has told a name")
    func clients() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "a", "1", "--client-id", "ann")
            try await cairn.must("get", "a", "--client-id", "bob")
            try await cairn.must("get", "a", "--client-id", "ann")
            let clients = try await cairn.must("clients", "--json").objects()
            #expect(clients.map { $0.text("clientID") } == ["ann", "bob"])
            #expect(clients.map { $0.number("calls") } == [2, 1])
            let line = try await cairn.must("clients", "--limit", "1").lines
            #expect(line.count == 1 && line[0].hasSuffix("\t2\tann"), "\(line)")
        }
    }
}
