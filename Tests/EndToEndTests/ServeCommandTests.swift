import CairnClient
import CairnModel
import Foundation
import Testing

/// `serve`: its sockets, what it retains, and how it ends.
@Suite("Commands: serve")
struct ServeCommandTests {
    @Test("the socket that a killed server leaves is taken over; a living server's is not; the last one removes it")
    func sockets() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let killed = try await ServerProcess.start(listen: ["unix:\(path)"])
            try await killed.process.killAndWait()
            #expect(FileManager.default.fileExists(atPath: path))
            try await withServer(listen: ["unix:\(path)"]) { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                let second = try await CairnBinary.run(["serve", "--store", "memory:", "--listen", "unix:\(path)"])
                #expect(second.status == .code(1))
                #expect(second.errors.contains("unix:\(path) is already in use"), "\(second.errors)")
                #expect(try await cairn("get", "a").text == "1", "the first one goes on")
                #expect(try await cairn.stop() == .code(0))
                #expect(!FileManager.default.fileExists(atPath: path))
            }
            try "a letter".write(toFile: path, atomically: true, encoding: .utf8)
            let refused = try await CairnBinary.run(["serve", "--store", "memory:", "--listen", "unix:\(path)"])
            #expect(refused.status == .code(1))
            #expect(refused.errors.contains("no socket"), "\(refused.errors)")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "a letter")
        }
    }

    /// Asks again until the oldest event that is kept is the one expected.
    private func waitForOldest(_ ref: Int, _ cairn: ServerProcess) async throws {
        let limit = ContinuousClock.now + .seconds(60)
        while try await cairn("status", "--json").object().number("oldestRef") != ref {
            guard ContinuousClock.now < limit else { throw ProcessFailure("event \(ref) never became the oldest") }
        }
        let early = try await cairn("watch", "--from", "1", "--until-head")
        #expect(early.status == .code(6))
        #expect(early.errors.contains("--from \(ref)"), "\(early.errors)")
    }

    @Test("--retain-events keeps the last events, and every record")
    func retainEvents() async throws {
        try await withServer(options: ["--retain-events", "10"]) { (cairn) async throws in
            let sets = (1...30).map { #"{"set": {"key": "k/\#($0)", "value": "x"}}"# }
            try await cairn.must("txn", input: Array(#"{"then": [\#(sets.joined(separator: ","))]}"#.utf8))
            try await waitForOldest(21, cairn)
            #expect(try await cairn("list").lines.count == 30)
        }
    }

    @Test("--retain-for drops what is older, and keeps every record")
    func retainFor() async throws {
        try await withServer(options: ["--retain-for", "100ms"]) { (cairn) async throws in
            for number in 1...3 { try await cairn.must("set", "k/\(number)", "x") }
            try await waitForOldest(4, cairn)
            #expect(try await cairn("list").lines.count == 3)
        }
    }

    @Test(
        "a call that is under way when the server is told to stop is answered, and then it ends with 0",
        .enabled(if: CairnBinary.isInstalled("sqlite3"), "sqlite3 holds the file"))
    func stopWithCallUnderWay() async throws {
        try await withTemporaryDirectory { directory in
            let (file, gate) = (directory + "/cairn.db", directory + "/gate")
            #expect(mkfifo(gate, 0o600) == 0)
            try await withServer(store: "sqlite:\(file)", options: ["--log-level", "debug"]) { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                // Another process holds the write lock until somebody opens the gate, and so a write takes that long.
                let holder = try ChildProcess(["sqlite3", file, "BEGIN IMMEDIATE", ".shell echo held; cat \(gate)"])
                _ = try await holder.output.lines(atLeast: 1)
                let client = try cairn.client(attempts: 1)
                let write = Task.immediate { try await client.set("a", "2") }
                // On the same connection: when this is answered, the write has arrived.
                _ = try await client.status()
                cairn.process.signal(SIGTERM)
                // Only when the server has heard of it does the write get what it waits for.
                _ = try await cairn.process.errors.first("the notice that it stops") { bytes in
                    String(decoding: bytes, as: UTF8.self).contains("Signal caught") ? true : nil
                }
                close(open(gate, O_WRONLY))
                #expect(try await write.value.version == 2)
                #expect(try await cairn.process.status() == .code(0))
                #expect(try await holder.status() == .code(0))
                await client.close()
            }
            try await withServer(store: "sqlite:\(file)") { (cairn) async throws in
                #expect(try await cairn("get", "a").text == "2")
            }
        }
    }
}
