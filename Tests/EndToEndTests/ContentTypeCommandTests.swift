import Foundation
import Testing

/// Values with a content type, by the built binary.
@Suite("Commands: content types")
struct ContentTypeCommandTests {
    private let json = "application/json; charset=utf-8"

    @Test("a content type is given with a set, told by inspect, and gone with the next set without one")
    func setAndInspect() async throws {
        try await withServer { (cairn) async throws in
            #expect(try await cairn.must("set", "a", "{}", "--content-type", json).text == "version 1, ref 1\n")
            #expect(try await cairn.must("get", "a").text == "{}")
            let read = try await cairn.must("get", "a", "--json").object()
            #expect(read.text("value") == "{}" && read.text("contentType") == json)
            let given = try await cairn.must("inspect", "a", "--json", "--with-value").object()
            #expect(given.text("contentType") == json && given.flag("contentTypeGiven") == true)
            #expect(given.number("size") == 2 && given.text("value") == "{}")
            #expect(try await cairn.must("inspect", "a").lines.contains("type\t\(json) (given)"))
            let html = try await cairn.must("set", "a", "{}", "--content-type", "text/html", "--unless-unchanged")
            #expect(html.text == "version 2, ref 2\n")
            let again = try await cairn.must("set", "a", "{}", "--content-type", "text/html", "--unless-unchanged")
            #expect(again.text == "version 2, ref 2\n")
            #expect(try await cairn.must("set", "a", "{}", "--unless-unchanged").text == "version 3, ref 3\n")
            #expect(!(try await cairn.must("get", "a", "--json").object().names.contains("contentType")))
            let detected = try await cairn.must("inspect", "a", "--json").object()
            #expect(detected.text("contentType") == "text/plain; charset=utf-8")
            #expect(detected.flag("contentTypeGiven") == false)
            let refused = try await cairn("set", "a", "1", "--content-type", "html")
            #expect(refused.status == .code(1) && refused.errors.contains("\"html\" is no content type"), "\(refused)")
        }
    }

    @Test("list, history, watch, consume and pop show the content, and the type with --json")
    func showing() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "a", "{}", "--content-type", json)
            try await cairn.must("load", "a=<p>", "--content-type", "text/html")
            #expect(try await cairn.must("list", "--values").text == "a\t<p>\n")
            #expect(try await cairn.must("list", "--json").object().text("contentType") == "text/html")
            let lines = try await cairn.must("history", "a").lines
            #expect(lines.map { $0.split(separator: "\t").last } == ["<p>", "{}"])
            let states = try await cairn.must("history", "a", "--json").objects()
            #expect(states.map { $0.text("contentType") } == ["text/html", json])
            #expect(try await cairn.must("get", "a", "--revision", "1").text == "{}")
            let asOf = try await cairn.must("get", "a", "--as-of", "1", "--json").object()
            #expect(asOf.text("contentType") == json)
            let events = try await cairn.must("watch", "--from", "1", "--until-head", "--json").objects()
            #expect(events.map { $0.text("contentType") } == [json, "text/html"])
            #expect(events.map { $0.text("value") } == ["{}", "<p>"])
            let text = try await cairn.must("watch", "--from", "1", "--until-head").lines
            #expect(text.map { $0.split(separator: "\t").last } == ["{}", "<p>"])
            let current = try await cairn.must("watch", "--current", "--until-head").lines
            #expect(current.map { $0.split(separator: "\t").last } == ["<p>"])
            let consumed = try await cairn.must("consume", "me", "--until-head", "--json").objects()
            #expect(consumed.map { $0.text("contentType") } == [json, "text/html"])
            let popped = try await cairn.must("pop", "a", "--json").object()
            #expect(popped.text("value") == "<p>" && popped.text("contentType") == "text/html")
        }
    }

    @Test("transactions and conditions have content types")
    func transactions() async throws {
        try await withServer { (cairn) async throws in
            let transaction = """
                {"if": [{"key": "a", "absent": true}],
                 "then": [{"set": {"key": "a", "value": "{}", "contentType": "application/json"}},
                          {"get": {"key": "a"}}]}
                """
            let result = try await cairn.must("txn", "--json", input: Array(transaction.utf8)).object()
            let results = try #require(result.objects("results"))
            #expect(results[0].object("written")?.text("contentType") == "application/json")
            #expect(results[1].object("read")?.text("contentType") == "application/json")
            #expect(try await cairn("set", "a", "1", "--if-value", "{}").status == .code(4))
            let typed = #"{"if": [{"key": "a", "value": "{}", "contentType": "application/json"}], "then": []}"#
            #expect(try await cairn("txn", input: Array(typed.utf8)).status == .code(0))
            let wrong = #"{"if": [{"key": "a", "contentType": "application/json"}], "then": []}"#
            #expect(try await cairn("txn", input: Array(wrong.utf8)).status == .code(1))
            try await cairn.must("delete", "a", "--if-value", "{}", "--if-content-type", "application/json")
            #expect(try await cairn("set", "a", "1", "--if-content-type", "a/b").status == .code(64))
            let none = #"{"then": [{"set": {"key": "a", "value": "1", "contentType": "none"}}]}"#
            let refused = try await cairn("txn", input: Array(none.utf8))
            #expect(refused.status == .code(1) && refused.errors.contains("is no content type"), "\(refused)")
        }
    }

    @Test("a backup and a snapshot have the content type")
    func copies() async throws {
        try await withTemporaryDirectory { directory in
            try await withServer(store: "sqlite:\(directory)/a.db") { (cairn) async throws in
                try await cairn.must("set", "a", "{}", "--content-type", json)
                try await cairn.must("backup", "\(directory)/b.db")
            }
            for store in ["sqlite:\(directory)/a.db", "sqlite:\(directory)/b.db"] {
                try await withServer(store: store) { (cairn) async throws in
                    let read = try await cairn.must("get", "a", "--json").object()
                    #expect(read.text("value") == "{}" && read.text("contentType") == json)
                }
            }
            let options = ["--snapshot-to", "file:\(directory)/snapshots"]
            try await withServer(options: options) { (cairn) async throws in
                try await cairn.must("set", "a", "{}", "--content-type", json)
                #expect(try await cairn.stop() == .code(0))
            }
            try await withServer(options: options) { (cairn) async throws in
                let read = try await cairn.must("get", "a", "--json").object()
                #expect(read.text("value") == "{}" && read.text("contentType") == json)
            }
        }
    }

    @Test("the limit of a value is one of its content")
    func limit() async throws {
        try await withServer(options: ["--max-value-bytes", "10"]) { (cairn) async throws in
            try await cairn.must("set", "a", "1234567890", "--content-type", json)
            #expect(try await cairn("set", "a", "12345678901", "--content-type", json).status == .code(1))
        }
    }
}
