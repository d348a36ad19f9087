import Foundation
import Testing

/// `serve --snapshot-to …` and `snapshot`, as people use them.
@Suite("Commands: snapshots")
struct SnapshotCommandTests {
    @Test("a store in memory is there again after its server was stopped", arguments: ["file", "sqlite"])
    func shutdown(scheme: String) async throws {
        try await withTemporaryDirectory { directory in
            let options = ["--snapshot-to", "\(scheme):\(directory)/snapshots", "--snapshot-interval", "0s"]
            try await withServer(options: options) { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                try await cairn.must("set", "b", "2", "--expires-in", "1h")
                #expect(try await cairn.stop() == .code(0))
            }
            try await withServer(options: options) { (cairn) async throws in
                #expect(try await cairn("get", "a").text == "1")
                #expect(try await cairn("watch", "--from", "0", "--until-head", "--json").lines.refs() == [1, 2])
                #expect(try await cairn("lease", "list").lines.count == 1)
                try await said("restored a snapshot", cairn)
                #expect(try await cairn("set", "a", "3").text == "version 2, ref 3\n", "the log goes on")
                let listed = try await cairn("snapshot", "list", "--json").objects()
                #expect(listed.map { $0.text("occasion") } == ["shutdown"] && listed[0].number("headRef") == 2)
                #expect(try await cairn.stop() == .code(0))
            }
            let fresh = options + ["--fresh"]
            try await withServer(options: fresh) { (cairn) async throws in
                #expect(try await cairn("get", "a").status == .code(3))
            }
        }
    }

    @Test(
        "a second server with the same name is refused, until the first has ended, however",
        arguments: ["file", "sqlite"])
    func oneOwner(scheme: String) async throws {
        try await withTemporaryDirectory { directory in
            let options = ["--snapshot-to", "\(scheme):\(directory)/snapshots", "--snapshot-interval", "0s"]
            let serve = ["serve", "--store", "memory:", "--listen", "127.0.0.1:0"] + options
            try await withServer(options: options) { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                try await cairn.must("snapshot")
                let second = try await CairnBinary.run(serve)
                #expect(second.status == .code(1), "\(second)")
                #expect(second.errors.contains("another server keeps its snapshots there as \"cairn\""), "\(second)")
                #expect(second.errors.contains("process \(cairn.process.pid)"), "\(second)")
                try await withServer(options: options + ["--snapshot-name", "other"]) { (other) async throws in
                    #expect(try await other("get", "a").status == .code(3))
                }
            }
            // The first was killed.
            try await withServer(options: options) { (cairn) async throws in
                #expect(try await cairn("get", "a").text == "1")
            }
        }
    }

    @Test("on demand, encrypted; a wrong key, a missing one and a broken file stop the start")
    func demandAndKeys() async throws {
        try await withTemporaryDirectory { directory in
            let (folder, key) = (directory + "/snapshots", directory + "/key")
            try Data((0..<32).map { UInt8($0) }).write(to: URL(fileURLWithPath: key))
            let options = ["--snapshot-to", "file:\(folder)", "--snapshot-interval", "0s"]
            try await withServer(options: options + ["--snapshot-key-file", key]) { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                let made = try await cairn("snapshot", "--json").object()
                #expect(made.flag("encrypted") == true && made.text("occasion") == "request")
                #expect(try await cairn("snapshot", "list").lines.count == 1)
            }
            let hex = (0..<32).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let serve = ["serve", "--store", "memory:", "--listen", "127.0.0.1:0"] + options
            let missing = try await CairnBinary.run(serve)
            #expect(missing.status == .code(1) && missing.errors.contains("encrypted"), "\(missing)")
            let wrong = try await CairnBinary.run(serve, environment: ["CAIRN_SNAPSHOT_KEY": String(hex.reversed())])
            #expect(wrong.status == .code(1) && wrong.errors.contains("the key is not the one"), "\(wrong)")
            let process = try ChildProcess([CairnBinary.path] + serve, environment: ["CAIRN_SNAPSHOT_KEY": hex])
            _ = try await process.output.lines(atLeast: 1)
            try await process.killAndWait()
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { !$0.hasSuffix(".lock") }
            #expect(files.count == 1)
            for file in files {
                var data = try #require(FileManager.default.contents(atPath: "\(folder)/\(file)"))
                // Among the records, which begin behind the header's 107 bytes and the chunk's 20.
                data[135] ^= 1
                try data.write(to: URL(fileURLWithPath: "\(folder)/\(file)"))
            }
            let broken = try await CairnBinary.run(serve + ["--snapshot-key-file", key])
            #expect(broken.status == .code(1) && broken.errors.contains("start fresh"), "\(broken)")
            #expect(broken.errors.contains("checksum"), "the log says which part: \(broken)")
        }
    }

    @Test("a locked key with a lifespan is back after a crash as the snapshot has it", arguments: ["file", "sqlite"])
    func crash(scheme: String) async throws {
        try await withTemporaryDirectory { directory in
            let options = ["--snapshot-to", "\(scheme):\(directory)/snapshots", "--snapshot-interval", "0s"]
            let named = options + ["--snapshot-name", "nightly"]
            var deadline: String?
            try await withServer(options: named) { (cairn) async throws in
                try await cairn.must(
                    "set", "key", "1", "--lock", "5m", "--lifespan", "120m", "--client-id", "ann")
                for number in 2...7 {
                    try await cairn.must("set", "key", "\(number)", "--lock", "60m", "--client-id", "ann")
                }
                try await cairn.must("get", "key", "--client-id", "ann")
                deadline = try await cairn.must("locks", "--json").object().text("deadline")
                let made = try await cairn.must("snapshot", "--json").object()
                #expect(made.text("name")?.hasPrefix("nightly@") == true && made.text("occasion") == "request")
                try await cairn.must("set", "key", "lost", "--client-id", "ann")
            }
            try await withServer(options: named) { (cairn) async throws in
                #expect(try await cairn.must("get", "key", "--client-id", "ann").text == "7")
                #expect(try await cairn("set", "key", "8", "--client-id", "bob").status == .code(7))
                #expect(deadline != nil)
                #expect(try await cairn.must("locks", "--json").object().text("deadline") == deadline)
                let found = try await cairn.must("inspect", "key", "--json").object()
                #expect(found.flag("lifespan") == true && found.object("lease")?.number("durationMs") == 7_200_000)
                #expect(try await cairn.must("history", "key", "--client-id", "ann").lines.count == 7)
                #expect(try await cairn.must("get", "key", "--revision", "3", "--client-id", "ann").text == "3")
                var stats = try await cairn.must("stats", "--json").object()
                #expect(stats.number("locks") == 1 && stats.number("leases") == 1 && stats.number("keys") == 1)
                try await cairn.must("unlock", "key", "--client-id", "ann")
                stats = try await cairn.must("stats", "--json").object()
                #expect(stats.number("locks") == 0 && stats.number("leases") == 1)
            }
            try await withServer(options: options + ["--snapshot-name", "other"]) { (cairn) async throws in
                #expect(try await cairn.must("list").lines.isEmpty, "another server's snapshots are not its own")
            }
        }
    }

    @Test("a server without snapshots says so, and a wrong command line is refused")
    func refusals() async throws {
        try await withServer { (cairn) async throws in
            for arguments in [["snapshot"], ["snapshot", "list"]] {
                let result = try await CairnBinary.run(arguments, environment: ["CAIRN_ADDRESS": cairn.address])
                #expect(result.status == .code(1) && result.errors.contains("--snapshot-to"))
            }
        }
        for wrong in [["--fresh"], ["--snapshot-keep", "3"], ["--snapshot-to", "file:x", "--snapshot-keep", "0"]] {
            #expect(try await CairnBinary.run(["serve", "--store", "memory:"] + wrong).status == .code(64), "\(wrong)")
        }
        try await withTemporaryDirectory { directory in
            for (store, place) in [
                ("sqlite:\(directory)/a.db", "file:\(directory)/s"), ("memory:", "redis:x"), ("memory:", "nowhere"),
                ("memory:", "file:\(directory)/none/none"), ("memory:", "sqlite:"),
            ] {
                let result = try await CairnBinary.run(["serve", "--store", store, "--snapshot-to", place])
                #expect(result.status == .code(1) && !result.errors.isEmpty, "\(place): \(result)")
            }
        }
    }

    @Test("a last snapshot that can't be made is told, and the server ends with 1")
    func failingEnd() async throws {
        try await withTemporaryDirectory { directory in
            let options = ["--snapshot-to", "file:\(directory)/snapshots", "--snapshot-interval", "0s"]
            try await withServer(options: options) { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                try FileManager.default.removeItem(atPath: directory + "/snapshots")
                #expect(try await cairn("snapshot").status == .code(1))
                #expect(try await cairn("get", "a").text == "1", "the store goes on")
                #expect(try await cairn.stop() == .code(1))
                try await said("the last snapshot failed", cairn)
            }
        }
    }

    /// Waits until the server has said so on its standard error.
    private func said(_ words: String, _ cairn: ServerProcess) async throws {
        _ = try await cairn.process.errors.first(words) { bytes in
            String(decoding: bytes, as: UTF8.self).contains(words) ? true : nil
        }
    }
}
