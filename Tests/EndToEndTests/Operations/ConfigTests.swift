import Foundation
import Testing

/// `config`, and what the server does with flags, environment and file.
@Suite("Operations: configuration")
struct ConfigTests {
    @Test("config print shows each value and its source, flag before variable before file; it can be used as a file")
    func precedence() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/cairn.yaml"
            try "log-level: error\nretain-events: 5\nthreads: 3\n".write(
                toFile: file, atomically: true, encoding: .utf8)
            let environment = ["CAIRN_CONFIG": file, "CAIRN_RETAIN_EVENTS": "6", "CAIRN_THREADS": "4"]
            let printed = try await CairnBinary.run(
                ["config", "print", "--threads", "5", "--store", "postgres://me:geheim@db/x", "--json"],
                environment: environment)
            #expect(printed.status == .code(0), "\(printed)")
            let rows = Dictionary(
                uniqueKeysWithValues: try printed.objects().map { ($0.text("name") ?? "", $0) })
            func row(_ name: String) -> [String?] { [rows[name]?.text("value"), rows[name]?.text("source")] }
            #expect(row("threads") == ["5", "--threads"])
            #expect(row("retain-events") == ["6", "CAIRN_RETAIN_EVENTS"])
            #expect(row("log-level") == ["error", file])
            #expect(row("drain-time") == ["10s", "default"])
            #expect(row("store") == ["postgres://me:***@db/x", "--store"])
            #expect(!printed.text.contains("geheim"))

            let text = try await CairnBinary.run(["config", "print"], environment: environment)
            let copy = directory + "/copy.yaml"
            try text.text.write(toFile: copy, atomically: true, encoding: .utf8)
            let again = try await CairnBinary.run(["config", "print", "--json", "--config", copy])
            let values = try again.objects().map { $0.text("value") }
            let expected = try await CairnBinary.run(["config", "print", "--json"], environment: environment)
            #expect(try values == expected.objects().map { $0.text("value") })
        }
    }

    @Test("config check says everything that is wrong, and serve refuses the same")
    func check() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/cairn.yaml"
            try "log-levl: debug\nthreads: many\n".write(toFile: file, atomically: true, encoding: .utf8)
            for command in [["config", "check"], ["serve", "--store", "memory:"]] {
                let result = try await CairnBinary.run(
                    command + ["--config", file], environment: ["CAIRN_DRAIN_TIME": "soon"])
                #expect(result.status == .code(64), "\(result)")
                #expect(result.errors.contains("\"log-levl\"") && result.errors.contains("did you mean log-level?"))
                #expect(result.errors.contains("threads in \(file)") && result.errors.contains("CAIRN_DRAIN_TIME"))
                #expect(result.output.isEmpty)
            }
            let right = try await CairnBinary.run(["config", "check"], environment: ["CAIRN_LOG_LEVLE": "debug"])
            #expect(right.status == .code(0) && right.lines == ["the configuration is right"])
            #expect(right.errors.contains("did you mean CAIRN_LOG_LEVEL?"), "\(right.errors)")
        }
    }

    @Test("every setting has its flag in the help of serve")
    func help() async throws {
        let help = try await CairnBinary.run(["serve", "--help"])
        let printed = try await CairnBinary.run(["config", "print", "--json"])
        let names = try printed.objects().compactMap { $0.text("name") }
        #expect(names.count > 20)
        for name in names { #expect(help.text.contains("--\(name)"), "\(name)") }
    }

    /// A value for each setting that takes one, unlike any other's.
    private static let values = [
        "store": "memory:", "read-replica": "postgres://replica/x", "retain-events": "11", "retain-for": "12s",
        "history-limit": "13", "history-limit-for": "p/=14", "max-key-bytes": "15", "max-value-bytes": "16",
        "min-lock-duration": "17s", "max-lock-duration": "18s", "min-lifespan": "19s", "max-waiting-writes": "20",
        "max-watches": "21", "watch-buffer": "4122", "request-window": "23s", "backup-directory": "/24",
        "prune-to": "25", "prune-at": "26", "prune-interval": "27s", "eager-prune-to": "28", "eager-prune-at": "29",
        "max-keys": "1030", "prune-by": "lru", "prune-exempt": "p31", "key-metrics": "32", "snapshot-to": "file:33",
        "snapshot-name": "n34", "snapshot-interval": "35s", "snapshot-keep": "36", "snapshot-key-file": "/37",
        "listen": "a:38", "tls-cert": "/39", "tls-key": "/40", "tls-client-ca": "/41", "threads": "42",
        "max-connections": "43", "max-concurrent-calls": "44", "keepalive-interval": "45s",
        "keepalive-timeout": "46s", "max-connection-idle": "47s", "max-connection-age": "48s", "compress-from": "49",
        "drain-time": "50s", "tokens": "/51", "jwt-key": "/52", "jwt-issuer": "53", "jwt-audience": "54",
        "admin-client-ids": "55", "monitor": "a:56", "trace-to": "http://a:57", "trace-service-name": "58",
        "trace-sample": "0.59", "log-level": "trace", "log-format": "json",
    ]
    private static let switches = ["read-only", "fresh", "profiling", "log-events", "no-history-of-ended"]

    @Test("every flag sets its own setting and no other; a new one must be told here")
    func everyFlag() async throws {
        let flags = Self.values.sorted { $0.key < $1.key }.flatMap { ["--\($0.key)", $0.value] }
        let printed = try await CairnBinary.run(
            ["config", "print", "--json"] + flags + Self.switches.map { "--\($0)" })
        #expect(printed.status == .code(0), "\(printed)")
        for row in try printed.objects() {
            let name = try #require(row.text("name"))
            let value = Self.values[name] ?? (Self.switches.contains(name) ? "true" : "false")
            #expect(row.text("value") == value && row.text("source") == "--\(name)", "\(name): \(row)")
        }
        for name in Self.switches {
            let one = try await CairnBinary.run([
                "config", "print", "--json", "--store", "memory:", "--monitor", "a:1",
                "--snapshot-to", "file:x", "--\(name)",
            ])
            let set = try one.objects().filter { $0.text("source")?.hasPrefix("--") == true }.map { $0.text("name") }
            #expect(
                Set(set) == [
                    "store", "monitor", "snapshot-to", name.hasPrefix("no-") ? String(name.dropFirst(3)) : name,
                ])
        }
    }

    @Test("SIGHUP takes up what can change, says what needs a restart, and a wrong file changes nothing")
    func reload() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/cairn.yaml"
            func write(_ text: String) throws { try text.write(toFile: file, atomically: true, encoding: .utf8) }
            try write("log-format: json\n")
            try await withServer(options: ["--config", file]) { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                let log = cairn.process.errors
                try write("log-format: json\nread-only: true\nthreads: 7\nlog-level: debug\n")
                cairn.process.signal(SIGHUP)
                let lines = try await log.first("the reload") { bytes -> [String]? in
                    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
                    return lines.contains { $0.contains("configuration reloaded") } ? lines : nil
                }
                let changes = try lines.compactMap { try JSONFields($0).object("fields") }
                    .filter { $0.text("setting") != nil }
                #expect(changes.map { $0.text("setting") } == ["read-only", "threads", "log-level"])
                #expect(changes.map { $0.text("to") } == ["true", "7", "debug"])
                #expect(lines.filter { $0.contains("needs a restart") }.count == 1)

                let refused = try await cairn("set", "a", "2")
                #expect(refused.status == .code(1) && refused.errors.contains("takes no writes"), "\(refused)")
                #expect(try await cairn("get", "a").text == "1")

                try write("read-only: perhaps\n")
                cairn.process.signal(SIGHUP)
                _ = try await log.first("the refusal") { bytes in
                    String(decoding: bytes, as: UTF8.self).contains("configuration not reloaded") ? true : nil
                }
                #expect(try await cairn("set", "a", "2").status == .code(1), "it is as it was")

                try write("read-only: false\n")
                cairn.process.signal(SIGHUP)
                _ = try await log.first("the second reload") { bytes in
                    String(decoding: bytes, as: UTF8.self).components(separatedBy: "configuration reloaded").count == 3
                        ? true : nil
                }
                try await cairn.must("set", "a", "2")
            }
        }
    }

    @Test("locks and lifespans are as long as they may be, and no longer or shorter")
    func durations() async throws {
        let options = ["--min-lock-duration", "5s", "--max-lock-duration", "15m", "--min-lifespan", "5s"]
        try await withServer(options: options) { (cairn) async throws in
            try await cairn.must("set", "key", "x", "--lifespan", "5s")
            for duration in ["5s", "15m"] { try await cairn.must("lock", "key", duration) }
            for duration in ["4999ms", "901s"] {
                let refused = try await cairn("lock", "key", duration)
                #expect(refused.status == .code(1) && refused.errors.contains("is not possible"), "\(refused)")
            }
            let brief = try await cairn("set", "other", "x", "--lifespan", "4s")
            #expect(brief.status == .code(1) && brief.errors.contains("a lifespan of"), "\(brief)")
            #expect(try await cairn("exists", "other").text == "false\n")
        }
        let wrong = ["--min-lock-duration", "2m", "--max-lock-duration", "1m", "--min-lifespan", "36501d"]
        let result = try await CairnBinary.run(["config", "check"] + wrong)
        #expect(result.status == .code(64) && result.errors.contains("--min-lock-duration must not be more than"))
        #expect(result.errors.contains("--min-lifespan must not be more than 100 years"), "\(result.errors)")
    }

    @Test("limits of keys, values and connections are what was set")
    func limits() async throws {
        let options = ["--max-key-bytes", "8", "--max-value-bytes", "1KiB"]
        try await withServer(options: options) { (cairn) async throws in
            try await cairn.must("set", "12345678", String(repeating: "v", count: 1_024))
            #expect(try await cairn("set", "123456789", "x").errors.contains("key"))
            let tooLarge = try await cairn("set", "a", String(repeating: "v", count: 1_025))
            #expect(tooLarge.status == .code(1) && tooLarge.errors.contains("1024"), "\(tooLarge)")
        }
    }
}
