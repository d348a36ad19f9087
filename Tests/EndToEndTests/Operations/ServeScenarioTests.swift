import Foundation
import Testing

/// A server as it is really run: by a file and a flag, on sockets, with a monitor, and kept in snapshots.
@Suite("Operations: a server from its start to its end")
struct ServeScenarioTests {
    /// What a test writes into the configuration file.
    private func file(_ directory: String) -> String {
        """
        store: "memory:"
        listen: unix:\(directory)/cairn.sock
        monitor: unix:\(directory)/monitor.sock
        snapshot-to: sqlite:\(directory)/snapshots.db
        snapshot-name: scenario
        snapshot-interval: 100ms
        snapshot-keep: 20
        log-level: debug
        log-format: json
        max-keys: 100
        max-value-bytes: 1KiB
        profiling: true

        """
    }

    /// Starts a server with the file, and runs `body` with it.
    private func withScenario(
        _ config: String, _ directory: String, _ body: (ServerProcess) async throws -> Void
    ) async throws {
        let process = try ChildProcess([CairnBinary.path, "serve", "--config", config, "--log-level", "info"])
        do {
            let lines = try await process.output.lines(atLeast: 2)
            #expect(
                lines == ["listening on unix:\(directory)/cairn.sock", "monitoring on unix:\(directory)/monitor.sock"])
            try await body(ServerProcess(process: process, addresses: ["unix:\(directory)/cairn.sock"]))
            try await process.killAndWait()
        } catch {
            try await process.killAndWait()
            throw error
        }
    }

    /// The refs up to which the snapshots go, once there are so many.
    private func snapshots(atLeast count: Int, _ cairn: ServerProcess) async throws -> [Int?] {
        let limit = ContinuousClock.now + .seconds(60)
        while true {
            let refs = try await cairn.must("snapshot", "list", "--json").objects().map { $0.number("headRef") }
            if refs.count >= count { return refs }
            guard ContinuousClock.now < limit else {
                throw ProcessFailure("there never were \(count) snapshots: \(refs)")
            }
        }
    }

    @Test("the configuration that holds is the file's, but for what a flag says")
    func configuration() async throws {
        try await withTemporaryDirectory { directory in
            let config = directory + "/cairn.yaml"
            try file(directory).write(toFile: config, atomically: true, encoding: .utf8)
            let printed = try await CairnBinary.run([
                "config", "print", "--json", "--config", config, "--log-level", "info",
            ])
            let rows = try printed.objects()
            func row(_ name: String) -> [String?] {
                rows.filter { $0.text("name") == name }.flatMap { [$0.text("value"), $0.text("source")] }
            }
            #expect(row("log-level") == ["info", "--log-level"])
            #expect(row("listen") == ["unix:\(directory)/cairn.sock", config])
            #expect(row("monitor") == ["unix:\(directory)/monitor.sock", config])
            #expect(row("snapshot-interval") == ["100ms", config])
            #expect(row("max-keys") == ["100", config] && row("max-value-bytes") == ["1024", config])
            #expect(row("tls-cert") == [nil, "default"] && row("tls-key") == [nil, "default"])
            let check = try await CairnBinary.run(["config", "check", "--config", config])
            #expect(check.status == .code(0), "\(check)")
        }
    }

    @Test(
        "each change is kept in a snapshot; the monitor tells of it; then the sockets are gone, and all comes back",
        .enabled(if: CairnBinary.isInstalled("curl"), "curl reads the monitor's pages"))
    func life() async throws {
        try await withTemporaryDirectory { directory in
            let config = directory + "/cairn.yaml"
            try file(directory).write(toFile: config, atomically: true, encoding: .utf8)
            try await withScenario(config, directory) { (cairn) async throws in
                for number in 1...5 {
                    try await cairn.must("set", "k/\(number)", "value \(number)")
                    #expect(try await snapshots(atLeast: number, cairn) == (1...number).map { $0 })
                }
                try await expectFigures(cairn, monitor: directory + "/monitor.sock")
                // It has been reading all the while, and reads change nothing.
                #expect(try await snapshots(atLeast: 5, cairn).count == 5)
                let log = try cairn.process.errors.lines.map { try JSONFields($0).text("level") }
                #expect(!log.isEmpty && !log.contains("debug"), "the flag goes before the file")
                #expect(try await cairn.stop() == .code(0))
                for socket in ["cairn.sock", "monitor.sock"] {
                    #expect(!FileManager.default.fileExists(atPath: "\(directory)/\(socket)"), "\(socket)")
                }
            }
            try await withScenario(config, directory) { (cairn) async throws in
                #expect(try await cairn.must("get", "k/5").text == "value 5")
                let occasions = try await cairn.must("snapshot", "list", "--json").objects().map { $0.text("occasion") }
                #expect(occasions == Array(repeating: "interval", count: 5), "nothing was left for a last one")
                try await cairn.must("set", "k/6", "value 6")
                #expect(try await cairn.stop() == .code(0))
            }
            try await withScenario(config, directory) { (cairn) async throws in
                #expect(try await cairn.must("list").lines.count == 6)
                try await cairn.must("set", "k/7", "late")
                // Killed, it leaves its sockets, which the next one takes over.
                try await cairn.process.killAndWait()
                #expect(FileManager.default.fileExists(atPath: directory + "/monitor.sock"))
            }
            try await withScenario(config, directory) { (cairn) async throws in
                #expect(try await cairn.must("list").lines.count >= 6)
            }
        }
    }

    /// What the monitor and `stats` tell after five sets, each with its snapshot.
    private func expectFigures(_ cairn: ServerProcess, monitor: String) async throws {
        let metrics = try await page("/metrics", monitor)
        #expect(metrics.status == "200")
        let lines = metrics.body.split(separator: "\n")
        #expect(lines.contains("cairn_snapshots_total{occasion=\"interval\"} 5"))
        #expect(lines.contains("cairn_home_keys 5") && lines.contains("cairn_home_locks 0"))
        #expect(try await page("/readyz", monitor).body == "ready\n")
        let memory = try await page("/debug/memory", monitor)
        #expect(memory.status == "200" && memory.body.contains("{"))
        let stats = try await cairn.must("stats", "--json").object()
        #expect(stats.object("snapshots")?.number("interval") == 5 && stats.number("maxKeys") == 100)
        #expect(stats.number("keys") == 5 && stats.number("locks") == 0 && stats.number("leases") == 0)
        #expect(stats.number("clients") == 1 && stats.object("pruneRuns")?.names.isEmpty == true)
        let text = try await cairn.must("stats").text
        #expect(text.contains("keys 5 of 100 (5%)") && text.contains("snapshots made: interval 5"), "\(text)")
    }

    /// A page's status and text, as curl gets it from a socket.
    private func page(_ path: String, _ socket: String) async throws -> (status: String, body: String) {
        let curl = try ChildProcess([
            "curl", "--silent", "--unix-socket", socket, "--write-out", "\n%{http_code}", "http://cairn\(path)",
        ])
        guard try await curl.status() == .code(0) else { throw ProcessFailure("curl \(path): \(curl.errors.text)") }
        let lines = String(decoding: try await curl.output.all(), as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        return (String(lines.last ?? ""), lines.dropLast().joined(separator: "\n"))
    }
}
