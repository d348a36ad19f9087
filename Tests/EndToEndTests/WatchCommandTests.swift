import Foundation
import Testing

/// `watch` of the built binary, across kills and ends of the server.
@Suite("Commands: watch")
struct WatchCommandTests {
    @Test("--from prints the log from an event on; --json has the fields of an event")
    func fromRef() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "a", "1")
            try await cairn.must("set", "a", "2")
            try await cairn.must("set", "b", "-", input: [0xFF])
            try await cairn.must("delete", "a")
            let lines = try await cairn("watch", "--from", "1", "--until-head").lines
            #expect(
                lines == [
                    "1\tcreated\ta\tv1\t1", "2\tupdated\ta\tv2\t2", "3\tcreated\tb\tv1\t\\xFF", "4\tdeleted\ta\tv3",
                ])
            let events = try await cairn("watch", "--from", "0", "--until-head", "--json").objects()
            #expect(events.allSatisfy { $0.names.isSuperset(of: ["ref", "kind", "key", "version"]) })
            #expect(events.map { $0.number("ref") } == [1, 2, 3, 4])
            #expect(events.map { $0.text("kind") } == ["created", "updated", "created", "deleted"])
            #expect(events[1].text("value") == "2" && events[2].text("valueBase64") == "/w==")
            let some = try await cairn("watch", "a", "--from", "2", "--until-head", "--kind", "deleted", "--json")
                .objects()
            #expect(some.map { $0.number("ref") } == [4])
            let exact = try await cairn("watch", "b", "--exact", "--from", "0", "--until-head").lines
            #expect(exact.count == 1)
        }
    }

    @Test("--current prints the records first; a future ref and a compacted one end with 6 and say what to do")
    func startsAndErrors() async throws {
        try await withServer { (cairn) async throws in
            for value in 1...3 { try await cairn.must("set", "a", "\(value)") }
            let current = try await cairn("watch", "--current", "--until-head", "--json").object()
            #expect(current.text("value") == "3" && current.number("version") == 3)
            let future = try await cairn("watch", "--from", "9", "--until-head")
            #expect(future.status == .code(6))
            #expect(future.errors.contains("9"))
            try await cairn.must("compact", "3")
            let gone = try await cairn("watch", "--from", "1", "--until-head")
            #expect(gone.status == .code(6))
            #expect(gone.errors.contains("--from 3"), "\(gone.errors)")
            let negative = try await cairn("watch", "--from=-1", "--until-head")
            #expect(negative.status == .code(1))
            #expect(negative.errors.contains("-1"))
            #expect(try await cairn("watch", "--kind", "renamed").status == .code(64))
            #expect(try await cairn("watch", "--from", "1", "--current").status == .code(64))
        }
    }

    @Test("a watch outlives a killed server: what is written after the restart arrives exactly once")
    func resumesAfterKill() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/cairn.db"
            let first = try await ServerProcess.start(store: store)
            try await first.must("set", "k/0", "before")
            let watch = try first.start("watch", "k/", "--from", "0", "--json")
            _ = try await watch.output.lines(atLeast: 1)
            try await first.process.killAndWait()
            let second = try await ServerProcess.start(store: store, listen: [first.address])
            for number in 1...3 { try await second.must("set", "k/\(number)", "after") }
            let lines = try await watch.output.lines(atLeast: 4)
            #expect(try lines.refs() == [1, 2, 3, 4])
            try await watch.killAndWait()
            try await second.process.killAndWait()
        }
    }

    @Test("SIGTERM ends a server with an open watch with 0, and the watch goes on with the next one")
    func drains() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/cairn.db"
            let first = try await ServerProcess.start(store: store)
            try await first.must("set", "a", "1")
            let watch = try first.start("watch", "--from", "0", "--json")
            _ = try await watch.output.lines(atLeast: 1)
            #expect(try await first.stop() == .code(0))
            let unreachable = try await first("get", "a")
            #expect(unreachable.status == .code(5))
            #expect(unreachable.errors.contains("cairn serve"), "it says what to do: \(unreachable.errors)")
            let second = try await ServerProcess.start(store: store, listen: [first.address])
            try await second.must("set", "a", "2")
            let lines = try await watch.output.lines(atLeast: 2)
            #expect(try lines.refs() == [1, 2])
            watch.signal(SIGINT)
            #expect(try await watch.status() == .signal(SIGINT), "an interrupted watch ends at once")
            #expect(try await second.stop() == .code(0))
        }
    }

    @Test("a watch whose reader goes away ends, instead of running on for nobody")
    func brokenPipe() async throws {
        try await withServer { (cairn) async throws in
            for round in 1...5 { try await cairn.must("txn", input: manySets(round)) }
            // `head` reads one line and goes; the pipe then breaks.
            let command = "'\(CairnBinary.path)' watch --from 0 --address \(cairn.address); echo \"ended with $?\" >&2"
            let shell = try ChildProcess(["bash", "-c", "(\(command)) | head -1"])
            #expect(try await shell.status() == .code(0))
            #expect(try await shell.output.lines(atLeast: 1).count == 1)
            #expect(String(decoding: try await shell.errors.all(), as: UTF8.self) == "ended with 0\n")
        }
    }

    @Test("--kind accessed tells live who reads which key, and what is read leaves no trace")
    func accessed() async throws {
        try await withServer { (cairn) async throws in
            for key in ["jobs/a", "jobs/b", "other"] { try await cairn.must("set", key, "secret") }
            // The records tell that the watches are open.
            let json = try cairn.start("watch", "jobs/", "--current", "--kind", "accessed", "--json")
            let text = try cairn.start("watch", "jobs/", "--current", "--kind", "accessed")
            let byAnn = try cairn.start("watch", "jobs/", "--current", "--kind", "accessed", "--by", "ann", "--json")
            for watch in [json, text, byAnn] { _ = try await watch.output.lines(atLeast: 2) }
            try await cairn.must("get", "jobs/a", "--client-id", "ann")
            try await cairn.must("get", "other", "--client-id", "ann")
            try await cairn.must("list", "jobs/", "--client-id", "ann")
            try await cairn.must("inspect", "jobs/a", "--client-id", "ann")
            _ = try await cairn("get", "jobs/none", "--client-id", "ann")
            try await cairn.must("inspect", "jobs/b", "--with-value", "--client-id", "bob")
            try await cairn.must("set", "jobs/a", "2")
            try await cairn.must("pop", "jobs/a", "--client-id", "ann")
            let objects = try await json.output.lines(atLeast: 5).dropFirst(2).map { try JSONFields($0) }
            #expect(objects.map { $0.text("key") } == ["jobs/a", "jobs/b", "jobs/a"])
            #expect(objects.map { $0.text("clientID") } == ["ann", "bob", "ann"])
            #expect(objects.map { $0.number("version") } == [1, 1, 2])
            #expect(objects.map { $0.number("updatedRef") } == [1, 2, 4])
            #expect(objects.allSatisfy { $0.text("kind") == "accessed" && $0.text("time") != nil })
            #expect(objects.allSatisfy { $0.names.isDisjoint(with: ["ref", "value"]) })
            let lines = try await text.output.lines(atLeast: 5).dropFirst(2)
            #expect(
                lines == [
                    "-\taccessed\tjobs/a\tv1\tann", "-\taccessed\tjobs/b\tv1\tbob", "-\taccessed\tjobs/a\tv2\tann",
                ])
            let anns = try await byAnn.output.lines(atLeast: 4).dropFirst(2).map { try JSONFields($0) }
            #expect(anns.map { $0.number("version") } == [1, 2])
            let log = try await cairn("watch", "--from", "0", "--until-head", "--json").objects()
            #expect(log.map { $0.text("kind") } == ["created", "created", "created", "updated", "deleted"])
            for watch in [json, text, byAnn] { try await watch.killAndWait() }
        }
    }

    /// Enough events that they can't all wait in a pipe.
    private func manySets(_ round: Int) -> [UInt8] {
        let sets = (0..<1_000).map { #"{"set": {"key": "k\#($0)", "value": "\#(round)"}}"# }
        return Array(#"{"then": [\#(sets.joined(separator: ","))]}"#.utf8)
    }
}
