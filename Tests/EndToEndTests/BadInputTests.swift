import Foundation
import Testing

/// What a server can be given that it can't use: each a distinct error, in words, that changes nothing.
@Suite("Bad input")
struct BadInputTests {
    private func serve(_ arguments: String...) async throws -> CommandResult {
        try await CairnBinary.run(["serve", "--listen", "127.0.0.1:0"] + arguments)
    }

    @Test("a port in use")
    func portInUse() async throws {
        try await withServer { (cairn) async throws in
            let second = try await CairnBinary.run(["serve", "--store", "memory:", "--listen", cairn.address])
            #expect(second.status == .code(1))
            #expect(second.errors.contains("\(cairn.address) is already in use"), "\(second.errors)")
            #expect(second.output.isEmpty)
            #expect(try await cairn("set", "a", "1").status == .code(0), "the first one goes on")
        }
    }

    @Test(
        "an address without a port is refused with the setting's name, and what to write; config check tells it, too",
        arguments: ["--listen", "--monitor"], ["127.0.0.1", "localhost", "[::1]", "127.0.0.1:", "127.0.0.1:70000"])
    func addresses(_ flag: String, _ address: String) async throws {
        for command in [["serve", "--store", "memory:"], ["config", "check"]] {
            let result = try await CairnBinary.run(command + [flag, address])
            #expect(result.status == .code(1) && result.output.isEmpty, "\(result)")
            #expect(
                result.errors.contains("\(flag): \"\(address)\" is no address; write HOST:PORT"), "\(result.errors)")
        }
    }

    @Test(
        "a store URL that isn't one",
        arguments: [
            ("nonsense", "memory:, sqlite:PATH"), ("redis://x", "redis"), ("sqlite:", "path"), ("memory:x", "\"x\""),
        ])
    func storeURL(_ url: String, _ expected: String) async throws {
        let result = try await serve("--store", url)
        #expect(result.status == .code(1))
        #expect(result.errors.contains(expected), "\(result.errors)")
    }

    @Test("a directory that isn't there, or is a file's, or can't be written")
    func directories() async throws {
        try await withTemporaryDirectory { directory in
            let missing = try await serve("--store", "sqlite:\(directory)/none/cairn.db")
            #expect(missing.status == .code(1))
            #expect(missing.errors.contains("\(directory)/none"), "it names the directory: \(missing.errors)")
            #expect(!FileManager.default.fileExists(atPath: directory + "/none"), "it makes no directories")
            let itself = try await serve("--store", "sqlite:\(directory)")
            #expect(itself.status == .code(1))
            #expect(itself.errors.contains(directory))
        }
    }

    @Test(
        "a read-only directory, for somebody without root's rights",
        .enabled(
            if: CairnBinary.isInstalled("setpriv") && getuid() == 0, "needs root and setpriv to drop root's rights"))
    func readOnlyDirectory() async throws {
        try await withTemporaryDirectory { directory in
            // The binary may lie where only root can look, and is copied to where everybody can.
            let binary = directory + "/cairn"
            // By a process of its own: were the copy open for writing here, nobody could run it.
            #expect(try await ChildProcess(["cp", CairnBinary.path, binary]).status() == .code(0))
            try FileManager.default.createDirectory(atPath: directory + "/locked", withIntermediateDirectories: false)
            chmod(directory, 0o755)
            chmod(directory + "/locked", 0o555)
            let process = try ChildProcess([
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", binary, "serve", "--listen",
                "127.0.0.1:0",
                "--store", "sqlite:\(directory)/locked/cairn.db",
            ])
            #expect(try await process.status() == .code(1))
            let errors = String(decoding: try await process.errors.all(), as: UTF8.self)
            #expect(errors.contains("\(directory)/locked"), "\(errors)")
            #expect(
                errors.contains("may be read and written"), "\(errors)")
        }
    }

    @Test("a foreign file, a newer one, and one that is no database: an error that changes nothing")
    func foreignFiles() async throws {
        try await withTemporaryDirectory { directory in
            try await CairnBinary.sqlite(directory + "/foreign.db", "CREATE TABLE songs (name TEXT);")
            try await expectRefusal(of: directory + "/foreign.db", with: "not")
            let text = directory + "/text.db"
            try String(repeating: "This is a letter, not a database. ", count: 300)
                .write(toFile: text, atomically: true, encoding: .utf8)
            try await expectRefusal(of: text, with: "not")
            let newer = directory + "/newer.db"
            try await withServer(store: "sqlite:\(newer)") { (cairn) async throws in
                try await cairn.must("set", "a", "1")
                #expect(try await cairn.stop() == .code(0))
            }
            try await CairnBinary.sqlite(newer, "PRAGMA user_version = 9999;")
            try await expectRefusal(of: newer, with: "newer")
        }
    }

    @Test("a torn file: an error, or every record that was acknowledged")
    func corruptFile() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/cairn.db"
            try await withServer(store: "sqlite:\(file)") { (cairn) async throws in
                let sets = (0..<500).map {
                    #"{"set": {"key": "k/\#($0)", "value": "\#(String(repeating: "v", count: 200))"}}"#
                }
                try await cairn.must("txn", input: Array(#"{"then": [\#(sets.joined(separator: ","))]}"#.utf8))
                #expect(try await cairn.stop() == .code(0))
            }
            // The header stays, so that it is still a database of ours; every page behind the first is overwritten.
            var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
            for index in 4_096..<bytes.count { bytes[index] = 0xA5 }
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            let process = try ChildProcess([
                CairnBinary.path, "serve", "--store", "sqlite:\(file)", "--listen", "127.0.0.1:0",
            ])
            #expect(try await process.status() == .code(1))
            let errors = String(decoding: try await process.errors.all(), as: UTF8.self)
            #expect(errors.contains(file) && (errors.contains("corrupt") || errors.contains("damaged")), "\(errors)")
        }
    }

    @Test("TLS files that can't be used")
    func tlsFiles() async throws {
        let missing = try await serve("--store", "memory:", "--tls-cert", "no-such.pem", "--tls-key", "no-such.pem")
        #expect(missing.status == .code(64))
        #expect(missing.errors.contains("no-such.pem"), "\(missing.errors)")
        #expect(try await serve("--store", "memory:", "--tls-cert", "a.pem").status == .code(64))
    }

    @Test("keys that can't be: empty, and longer than 1,024 bytes; 1,024 are fine")
    func keys() async throws {
        try await withServer { (cairn) async throws in
            for key in ["", String(repeating: "k", count: 1_025)] {
                for arguments in [["set", key, "x"], ["get", key], ["delete", key]] {
                    let result = try await CairnBinary.run(arguments + ["--address", cairn.address])
                    #expect(result.status == .code(1), "\(arguments[0]) of \(key.count) bytes: \(result)")
                    #expect(result.errors.contains("key"))
                }
            }
            let longest = String(repeating: "k", count: 1_024)
            try await cairn.must("set", longest, "x")
            #expect(try await cairn("get", longest).text == "x")
        }
    }

    private func expectRefusal(of file: String, with words: String) async throws {
        let before = try Data(contentsOf: URL(fileURLWithPath: file))
        let result = try await serve("--store", "sqlite:\(file)")
        #expect(result.status == .code(1))
        #expect(result.errors.contains(file) && result.errors.contains(words), "\(result.errors)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == before, "the file is as it was")
        let others = try FileManager.default.contentsOfDirectory(atPath: (file as NSString).deletingLastPathComponent)
        #expect(
            !others.contains { $0.hasPrefix((file as NSString).lastPathComponent + "-") }, "nothing is left beside it")
    }
}
