import CairnClient
import CairnModel
import Foundation
import Testing

/// `stats` and `top`.
@Suite("Operations: stats")
struct StatsTests {
    @Test("stats counts what was done, for people and as JSON")
    func stats() async throws {
        try await withServer { (cairn) async throws in
            for number in 1...4 { try await cairn.must("set", "k/\(number)", "x") }
            try await cairn.must("set", "k/1", "y")
            try await cairn.must("delete", "k/2")
            #expect(try await cairn("get", "none").status == .code(3))
            let client = try cairn.client()
            let watch = try await client.watch(WatchRequest(range: .all))
            let object = try await cairn("stats", "--json").object()
            #expect(object.number("headRef") == 6 && object.number("keys") == 3)
            #expect(object.text("home") == "memory" && object.flag("readOnly") == false)
            #expect(object.number("transactions") == 6 && (object.number("batches") ?? 0) > 0)
            #expect(object.number("watchers") == 1 && object.number("watchLagEvents") == 0)
            let events = try #require(object.object("events"))
            #expect(events.names == ["created", "updated", "deleted"])
            #expect(events.number("created") == 4 && events.number("updated") == 1)
            let calls = try #require(object.objects("calls"))
            let get = try #require(calls.first { $0.text("method") == "cairn.v1.KeyValue/Get" })
            #expect(get.number("started") == 1 && get.object("ended")?.number("NOT_FOUND") == 1)
            #expect((get.number("p99Us") ?? 0) > 0)
            let text = try await cairn("stats").text
            #expect(text.contains("last event 6") && text.contains("created 4, deleted 1, updated 1"), "\(text)")
            withExtendedLifetime(watch) {}
            await client.close()
        }
    }

    @Test("top shows the rates since its last frame, and no longer those before")
    func rates() async throws {
        try await withServer { (cairn) async throws in
            let top = try cairn.start("top", "--interval", "100ms")
            func wait(_ what: String, _ isIt: @escaping @Sendable (String) -> Bool) async throws {
                _ = try await top.output.first(what) { bytes -> Bool? in
                    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
                    let last = lines.last { $0.hasPrefix("cairn.v1.KeyValue/Set ") }
                    return last.flatMap { $0.split(separator: " ").dropFirst().first }.map { isIt(String($0)) } == true
                        ? true : nil
                }
            }
            let client = try cairn.client()
            for number in 0..<50 { try await client.set(Key("k/\(number)"), "x") }
            try await wait("a rate of sets") { $0 != "0.0" }
            try await wait("a rate of nothing") { $0 == "0.0" }
            try await top.killAndWait()
            await client.close()
        }
    }

    @Test("top --once prints one frame, for pipes too")
    func top() async throws {
        try await withServer(options: ["--read-only"]) { (cairn) async throws in
            #expect(try await cairn("get", "none").status == .code(3))
            let frame = try await cairn("top", "--once")
            #expect(frame.status == .code(0))
            #expect(frame.lines.first?.hasSuffix("READ-ONLY") == true, "\(frame)")
            let row = try #require(frame.lines.first { $0.hasPrefix("cairn.v1.KeyValue/Get") })
            #expect(row.split(separator: " ").count == 6, "\(row)")
            #expect(!frame.text.contains("\u{1B}"))
        }
    }
}
