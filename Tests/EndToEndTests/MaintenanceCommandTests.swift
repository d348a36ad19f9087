import Foundation
import Testing

/// `status`, `compact`, `backup`, `version`, the help, completion, and how a server is found.
@Suite("Commands: the server and the command line itself")
struct MaintenanceCommandTests {
    @Test("status and compact")
    func statusAndCompact() async throws {
        try await withServer { (cairn) async throws in
            for value in 1...3 { try await cairn.must("set", "a", "\(value)") }
            #expect(try await cairn("status").text == "home memory, last event 3, oldest kept 1\n")
            #expect(try await cairn("compact", "3").status == .code(0))
            let status = try await cairn("status", "--json").object()
            #expect(status.number("headRef") == 3 && status.number("oldestRef") == 3)
            #expect(status.text("home") == "memory" && status.text("time") != nil)
            #expect(try await cairn("compact", "9").status == .code(6))
            #expect(try await cairn("get", "a").text == "3", "records stay")
        }
    }

    @Test("a backup is made while the server is in use, and can be served")
    func backup() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/copy.db"
            try await withServer(store: "sqlite:\(directory)/cairn.db") { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                try await cairn.must("set", "b", "2", "--expires-in", "1h")
                #expect(try await cairn("backup", file).text == "backup written to \(file)\n")
                try await cairn.must("set", "a", "after")
                let again = try await cairn("backup", file)
                #expect(again.status == .code(1))
                #expect(again.errors.contains("exists already"))
                #expect(try await cairn("backup", directory + "/none/copy.db").status == .code(1))
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: directory).contains { $0.hasSuffix("partial") }
                        == false)
            }
            try await withServer(store: "sqlite:\(file)") { (cairn) async throws in
                #expect(try await cairn("get", "a").text == "1")
                #expect(try await cairn("watch", "--from", "0", "--until-head", "--json").lines.refs() == [1, 2])
                #expect(try await cairn("set", "a", "3").text == "version 2, ref 3\n", "the log goes on")
                #expect(try await cairn("lease", "list").lines.count == 1)
            }
            try await withServer { (cairn) async throws in
                let unsupported = try await cairn("backup", directory + "/memory.db")
                #expect(unsupported.status == .code(1))
                #expect(unsupported.errors.contains("backup"))
            }
        }
    }

    @Test("version, and every command in the help")
    func help() async throws {
        let version = try await CairnBinary.run(["version"])
        #expect(version.text.hasPrefix("cairn 0."))
        #expect(try await CairnBinary.run(["--version"]).output == version.output)
        #expect(try await CairnBinary.run(["version", "--json"]).object().text("version") != nil)
        let help = try await CairnBinary.run(["--help"]).text
        for code in ["0", "1", "3", "4", "5", "6", "64"] { #expect(help.contains("\n  \(code) "), "exit code \(code)") }
        let commands = [
            "serve", "set", "get", "delete", "list", "watch", "lease", "txn", "consume", "consumers", "status",
            "compact",
            "backup", "snapshot", "bench", "version",
        ]
        for command in commands {
            #expect(help.contains("\n  \(command) "), "\(command) is in the help")
            let text = try await CairnBinary.run([command, "--help"])
            #expect(text.status == .code(0) && text.text.contains("USAGE: cairn \(command)"))
        }
        #expect(!help.utf8.contains(0x1B), "no colour in a pipe")
    }

    @Test("the completion script of each shell parses", arguments: ["bash", "zsh", "fish"])
    func completion(_ shell: String) async throws {
        let script = try await CairnBinary.run(["--generate-completion-script", shell])
        #expect(script.status == .code(0))
        #expect(script.text.contains("keep-alive") && script.text.contains("if-absent"))
        // A shell that isn't installed can't read its script; bash always is.
        guard CairnBinary.isInstalled(shell) else { return }
        try await withTemporaryDirectory { directory in
            let file = directory + "/completion"
            try script.text.write(toFile: file, atomically: true, encoding: .utf8)
            let parser = try ChildProcess([shell, "-n", file])
            #expect(try await parser.status() == .code(0), "\(parser.errors.text)")
        }
    }

    @Test("the server is found by --address, then CAIRN_ADDRESS; a unix socket is an address too")
    func addresses() async throws {
        try await withTemporaryDirectory { directory in
            let socket = "unix:\(directory)/s"
            try await withServer(listen: ["127.0.0.1:0", socket]) { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                #expect(cairn.addresses == [cairn.address, socket])
                let nowhere = ["CAIRN_ADDRESS": "127.0.0.1:1"]
                let given = try await CairnBinary.run(["get", "a", "--address", socket], environment: nowhere)
                #expect(given.text == "1")
                let fromEnvironment = try await CairnBinary.run(["get", "a"], environment: ["CAIRN_ADDRESS": socket])
                #expect(fromEnvironment.text == "1")
                let second = try await CairnBinary.run(["get", "a", "--address", "127.0.0.1:1,\(cairn.address)"])
                #expect(second.text == "1", "of several the first that answers: \(second)")
                #expect(try await cairn("get", "a", "--address", "nonsense").errors.contains("HOST:PORT"))
                #expect(try await cairn.stop() == .code(0))
            }
            #expect(!FileManager.default.fileExists(atPath: directory + "/s"), "the socket goes with the server")
        }
    }

    @Test("a wrong command line ends with 64 and shows the usage")
    func usage() async throws {
        for arguments in [
            ["sett"], ["set", "a"], ["get"], ["get", "a", "--timeout", "soon"], ["serve", "--retain-events", "0"],
        ] {
            let result = try await CairnBinary.run(arguments)
            #expect(result.status == .code(64), "\(arguments)")
            #expect(result.output.isEmpty)
            #expect(
                result.errors.contains("Usage: cairn") || result.errors.contains("USAGE: cairn"), "\(result.errors)")
        }
    }
}
