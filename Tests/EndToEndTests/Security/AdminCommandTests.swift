import Foundation
import Testing

/// What is for those who run a server: read-only, and stopping it.
@Suite("Commands: admin")
struct AdminCommandTests {
    @Test("without anybody who is told to be an admin, nobody is; a client id that is listed is one")
    func clientIDs() async throws {
        try await withServer { (cairn) async throws in
            for arguments in [["readonly", "on"], ["shutdown"]] {
                let refused = try await cairn.run(arguments)
                #expect(refused.status == .code(8) && refused.errors.contains("--admin-client-ids"), "\(refused)")
            }
            #expect(try await cairn("readonly", "status").lines == ["writes are taken"])
            #expect(try await cairn("readonly", "perhaps").status == .code(64))
        }
        try await withServer(options: ["--admin-client-ids", "ops", "--admin-client-ids", "me"]) {
            (cairn) async throws in
            let refused = try await cairn("readonly", "on")
            #expect(refused.status == .code(8) && refused.errors.contains("is not among"), "\(refused)")
            try await cairn.must("set", "a", "1")
            #expect(try await cairn("readonly", "on", "--client-id", "me").lines == ["read-only: writes are refused"])
            let write = try await cairn("set", "a", "2")
            #expect(write.status == .code(1) && write.errors.contains("takes no writes"), "\(write)")
            let status = try await cairn("readonly", "status", "--json").object()
            #expect(status.flag("readOnly") == true)
            // What an admin has set isn't undone by reading an unchanged configuration again.
            try await cairn.reload()
            #expect(try await cairn("set", "a", "2").status == .code(1))
            try await cairn.must("readonly", "off", "--client-id", "ops")
            try await cairn.must("set", "a", "2")
            let log = cairn.process.errors.text
            #expect(
                log.contains("writes are refused from now on client=me") && log.contains("writes are taken client=ops"))
        }
    }

    @Test("SIGHUP changes who is an admin")
    func reload() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/cairn.yaml"
            try "admin-client-ids: [ops]\n".write(toFile: file, atomically: true, encoding: .utf8)
            try await withServer(options: ["--config", file]) { (cairn) async throws in
                try await cairn.must("readonly", "off", "--client-id", "ops")
                try "admin-client-ids: [other]\n".write(toFile: file, atomically: true, encoding: .utf8)
                try await cairn.reload()
                #expect(try await cairn("readonly", "off", "--client-id", "ops").status == .code(8))
                try await cairn.must("readonly", "off", "--client-id", "other")
            }
        }
    }

    @Test("shutdown ends open watches at once, with words, lets the store be closed, and the server ends with 0")
    func shutdown() async throws {
        try await TokensDirectory.with { tokens in
            let root = try await tokens.add("root", "--admin")
            let web = try await tokens.add("web", "--allow", "=read-write")
            let store = "sqlite:\(tokens.path)/data.db"
            try await withServer(store: store, options: tokens.options + ["--drain-time", "1h"]) {
                (cairn) async throws in
                let client = ["CAIRN_ADDRESS": cairn.address].merging(web) { $1 }
                #expect(try await cairn("set", "a", "1", environment: web).status == .code(0))
                let consumer = try ChildProcess(
                    [CairnBinary.path, "watch", "--current", "--until-head"], environment: client)
                #expect(try await consumer.status() == .code(0))
                let watch = try ChildProcess([CairnBinary.path, "watch", "--current"], environment: client)
                _ = try await watch.output.lines(atLeast: 1)
                #expect(try await cairn("shutdown", environment: web).status == .code(8))
                #expect(try await cairn("shutdown", environment: root).status == .code(0))
                #expect(try await cairn.process.status() == .code(0), "although it may drain for an hour")
                #expect(cairn.process.errors.text.contains("stopping, as a client asks client=root"))
                #expect(cairn.process.errors.text.contains("stopped"))
                watch.signal(SIGTERM)
                _ = try await watch.status()
            }
            try await withServer(store: store, options: tokens.options) { (cairn) async throws in
                #expect(try await cairn("get", "a", environment: web).text == "1")
            }
        }
    }
}
