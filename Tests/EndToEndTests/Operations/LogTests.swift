import CairnClient
import CairnModel
import Foundation
import Testing

/// The server's log, and its log of events.
@Suite("Operations: the log")
struct LogTests {
    @Test("as JSON every line is an object with time, level, logger and message")
    func json() async throws {
        try await withServer(options: ["--log-format", "json", "--log-level", "debug"]) { (cairn) async throws in
            try await cairn.must("set", "a", "1")
            #expect(try await cairn.stop() == .code(0))
            _ = try await cairn.process.errors.all()
            let lines = cairn.process.errors.lines
            #expect(!lines.isEmpty)
            for line in lines {
                let names = try JSONFields(line).names
                #expect(names.isSuperset(of: ["time", "level", "logger", "message"]), "\(line)")
            }
        }
    }

    @Test("with --log-events there is a line for each event, whoever caused it, and never a value")
    func events() async throws {
        let options = ["--log-format", "json", "--log-events", "--log-level", "critical"]
        try await withServer(options: options) { (cairn) async throws in
            try await cairn.must("set", "k/1", "geheim", "--client-id", "me")
            try await cairn.must("set", "k/2", "geheim")
            try await cairn.must("delete", "k/1")
            let lines = try await cairn.process.errors.lines(atLeast: 3)
            let fields = try lines.map { try JSONFields($0) }
            #expect(fields.map { $0.text("logger") } == Array(repeating: "cairn.events", count: 3))
            let events = fields.compactMap { $0.object("fields") }
            #expect(events.map { $0.text("ref") } == ["1", "2", "3"])
            #expect(events.map { $0.text("kind") } == ["created", "created", "deleted"])
            #expect(events.map { $0.text("key") } == ["k/1", "k/2", "k/1"])
            #expect(events[0].text("client") == "me" && events[1].text("client")?.contains("@") == true)
            #expect(!cairn.process.errors.text.contains("geheim"))
        }
    }
}
