import Foundation
import Testing

@testable import CairnSettings

/// Which source wins, and what is wrong with them.
@Suite("Sources of settings")
struct SettingsSourcesTests {
    /// Reads settings from flags, an environment and a file's text.
    private func read(
        flags: [Setting: [String]] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws -> Settings {
        guard let file else {
            return try SettingsSources(flags: flags, environment: environment, config: nil).resolve()
        }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("cairn-\(UUID().uuidString).yaml").path
        try Data(file.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try SettingsSources(flags: flags, environment: environment, config: path).resolve()
    }

    /// What is said of sources that are wrong.
    private func problems(
        flags: [Setting: [String]] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws -> [String] {
        do {
            _ = try read(flags: flags, environment: environment, file: file)
            return []
        } catch let error as SettingProblems {
            return error.problems.map(\.message)
        }
    }

    @Test("a flag goes before the environment, that before the file, that before the default")
    func precedence() throws {
        let file = "log-level: error\n"
        let environment = ["CAIRN_LOG_LEVEL": "warning"]
        let all = try read(flags: [.logLevel: ["debug"]], environment: environment, file: file)
        #expect(all[.logLevel] == Settings.Entry(value: .text("debug"), source: .flag("--log-level")))
        let two = try read(environment: environment, file: file)
        #expect(two[.logLevel] == Settings.Entry(value: .text("warning"), source: .environment("CAIRN_LOG_LEVEL")))
        let one = try read(file: file)
        #expect(one.text(.logLevel) == "error" && one[.logLevel].source.description.hasSuffix(".yaml"))
        #expect(try read()[.logLevel] == Settings.Entry(value: .text("info"), source: .standard))
        #expect(try read(environment: ["CAIRN_LOG_LEVEL": ""], file: file).text(.logLevel) == "error")
    }

    @Test("every setting can be set by each of the three")
    func everySetting() throws {
        for setting in Setting.all {
            let text = SettingsSourcesTests.example(setting)
            var others: [Setting: [String]] = [:]
            for other in [Setting.tlsCert, .tlsKey] where other != setting { others[other] = ["x.pem"] }
            if setting != .monitor { others[.monitor] = ["127.0.0.1:1"] }
            if setting != .snapshotTo { others[.snapshotTo] = ["file:snapshots"] }
            if setting != .jwtKey { others[.jwtKey] = ["key"] }
            if setting != .store { others[.store] = ["memory:"] }
            if [.pruneTo, .pruneInterval].contains(setting) { others[.pruneAt] = ["100"] }
            if setting == .eagerPruneTo { others[.eagerPruneAt] = ["100"] }
            let flag = try read(flags: others.merging([setting: [text]]) { $1 })
            #expect(flag[setting].source == .flag("--\(setting.name)"))
            let variable = try read(flags: others, environment: [setting.variable: text])
            #expect(variable[setting].source == .environment(setting.variable))
            let file = try read(flags: others, file: "\(setting.name): \"\(text)\"\n")
            #expect(flag[setting].value == variable[setting].value && flag[setting].value == file[setting].value)
        }
    }

    private static func example(_ setting: Setting) -> String {
        switch setting.kind {
        case .list where setting == .historyLimitFor: "config/=5"
        case .text, .list: "127.0.0.1:1"
        case .integer: "7"
        case .bytes(let bounds): String(max(7, bounds.lowerBound))
        case .duration: "90s"
        case .ratio: "0.5"
        case .endpoint: "http://127.0.0.1:1"
        case .choice(let words): words.last ?? ""
        case .flag: "true"
        }
    }

    @Test("a list is repeated flags, commas in the environment, and a list or one text in the file")
    func lists() throws {
        #expect(try read(flags: [.listen: ["a:1", "b:2"]]).list(.listen) == ["a:1", "b:2"])
        #expect(try read(environment: ["CAIRN_LISTEN": "a:1,b:2"]).list(.listen) == ["a:1", "b:2"])
        #expect(try read(file: "listen: [\"a:1\", \"b:2\"]\n").list(.listen) == ["a:1", "b:2"])
        #expect(try read(file: "listen: a:1\n").list(.listen) == ["a:1"])
        #expect(try read().list(.listen) == ["127.0.0.1:4747"])
    }

    @Test("a file may hold nothing, or only comments")
    func emptyFile() throws {
        #expect(try read(file: "").text(.logLevel) == "info")
        #expect(try read(file: "# nothing yet\n").text(.logLevel) == "info")
    }

    @Test("an unknown name in the file is an error with a suggestion; an unknown variable a warning with one")
    func unknown() throws {
        let file = try problems(file: "log-levle: debug\ncolour: blue\n")
        #expect(file.count == 2)
        #expect(file[0].contains("\"log-levle\"") && file[0].contains("did you mean log-level?"))
        #expect(file[1].contains("\"colour\"") && !file[1].contains("did you mean"))
        let settings = try read(environment: ["CAIRN_LOG_LEVLE": "debug", "CAIRN_ADDRESS": "a:1", "HOME": "/"])
        #expect(
            settings.warnings.map(\.message) == [
                "the environment variable CAIRN_LOG_LEVLE is no setting; did you mean CAIRN_LOG_LEVEL?"
            ])
    }

    @Test("all that is wrong is told, with its place; what may be a password is not")
    func badValues() throws {
        let found = try problems(
            flags: [.threads: ["0"]], environment: ["CAIRN_DRAIN_TIME": "soon"],
            file: "retain-events: many\nlog-level: {a: b}\nstore: \"\"\n")
        #expect(found.count == 5, "\(found)")
        #expect(found.contains { $0.hasPrefix("--threads: \"0\" is out of bounds") })
        #expect(found.contains { $0.hasPrefix("CAIRN_DRAIN_TIME: \"soon\" is no duration") })
        #expect(found.contains { $0.hasPrefix("retain-events in ") && $0.contains("\"many\"") })
        #expect(found.contains { $0.contains("store in ") && !$0.contains("\"\"") })
        let nested = try problems(file: "threads: [1, 2]\n")
        #expect(nested.count == 1 && nested[0].contains("must be: number"), "\(nested)")
    }

    @Test("a file that isn't there, isn't YAML or isn't a mapping is an error that names it")
    func badFiles() throws {
        for text in ["a: b: c", "- a\n- b\n", "just words", "log-level: info\nlog-level: debug\n"] {
            let found = try problems(file: text)
            #expect(found.count == 1 && found[0].contains(".yaml"), "\(text): \(found)")
        }
        do {
            _ = try SettingsSources(flags: [:], environment: ["CAIRN_CONFIG": "/none.yaml"], config: nil).resolve()
            Issue.record("a file that isn't there was read")
        } catch {
            #expect(error.problems.map(\.message).first?.contains("/none.yaml") == true)
        }
    }

    @Test("TLS needs a certificate and its key, from whatever source")
    func contradictions() throws {
        #expect(try problems(flags: [.tlsCert: ["a"]]).count == 1)
        #expect(try problems(flags: [.tlsCert: ["a"]], environment: ["CAIRN_TLS_KEY": "b"]).isEmpty)
        #expect(try problems(flags: [.tlsClientCA: ["a"]]).first?.contains("--tls-client-ca") == true)
    }

    @Test(
        "pruning: what contradicts itself is an error",
        arguments: [
            ([.pruneTo: "5"], "--prune-to needs --prune-at"), ([.pruneInterval: "5s"], "needs --prune-at"),
            ([.pruneAt: "5", .pruneTo: "5"], "--prune-to must be less"),
            ([.eagerPruneTo: "5"], "--eager-prune-to needs --eager-prune-at"),
            ([.eagerPruneAt: "5", .eagerPruneTo: "6"], "--eager-prune-to must be less"),
            ([.maxKeys: "5", .pruneAt: "6"], "--prune-at must not be more"),
            ([.maxKeys: "5", .eagerPruneAt: "6"], "--eager-prune-at must not be more"),
            ([.maxKeys: "5", .store: "sqlite:./x.db"], "for --store memory: alone"),
            ([.eagerPruneAt: "5", .store: "sqlite:./x.db"], "for --store memory: alone"),
        ] as [([Setting: String], String)])
    func pruning(flags: [Setting: String], expected: String) throws {
        let memory = flags[.store] == nil ? [Setting.store: ["memory:"]] : [:]
        let found = try problems(flags: flags.mapValues { [$0] }.merging(memory) { $1 })
        #expect(found.count == 1 && found[0].contains(expected), "\(found)")
    }

    @Test("pruning: what fits together is right")
    func rightPruning() throws {
        let flags: [Setting: [String]] = [
            .store: ["memory:"], .maxKeys: ["5"], .pruneAt: ["5"], .pruneTo: ["0"], .eagerPruneAt: ["5"],
            .pruneInterval: ["1s"],
        ]
        #expect(try problems(flags: flags).isEmpty)
        #expect(try problems(flags: [.store: ["sqlite:./x.db"], .pruneAt: ["5"]]).isEmpty)
    }

    @Test("a change is told with both values, without passwords; only what can be reloaded is taken up")
    func changes() throws {
        let old = try read(flags: [.store: ["postgres://u:old@db/x"]])
        let new = try read(
            flags: [.store: ["postgres://u:new@other/x"]], file: "log-level: debug\nthreads: 3\nretain-for: 1h\n")
        let changes = SettingsChange.between(old, new)
        #expect(changes.map(\.setting) == [.store, .retainFor, .threads, .logLevel])
        #expect(changes[0].before == "postgres://u:***@db/x" && changes[0].after == "postgres://u:***@other/x")
        #expect(changes[1].before == "none" && changes[1].after == "1h")
        let taken = old.takingReloadable(of: new)
        #expect(taken.text(.logLevel) == "debug" && taken.duration(.retainFor) == .seconds(3_600))
        #expect(taken.integer(.threads) == nil && taken[.store] == old[.store])
    }
}
