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
