import Foundation
import Testing

/// `lease`, `txn`, `consume` and `consumers` of the built binary.
@Suite("Commands: leases, transactions and consumers")
struct LeaseCommandTests {
    @Test("lease: grant, attach, show, list, keep alive, expire")
    func leases() async throws {
        try await withServer { (cairn) async throws in
            let granted = try await cairn("lease", "grant", "1h")
            let id = granted.text.trimmingCharacters(in: .newlines)
            #expect(Int(id) != nil)
            try await cairn.must("set", "on/it", "1", "--lease", id)
            try await cairn.must("set", "on/it/too", "2", "--lease", id)
            let shown = try await cairn("lease", "show", id, "--json").object()
            #expect(shown.texts("keys") == ["on/it", "on/it/too"])
            #expect(shown.number("id") == Int(id))
            #expect(shown.flag("granted") == true)
            #expect(try #require(shown.number("timeLeftMs")) <= 3_600_000)
            let plain = try await cairn("lease", "show", id).lines
            #expect(plain.count == 3 && plain[0].hasPrefix("\(id)\texpires in "))
            #expect(try await cairn("lease", "list", "--json").object().number("id") == Int(id))
            #expect(try await cairn("lease", "keep-alive", id).text.hasPrefix("lease \(id) until "))
            let longer = try await cairn("lease", "keep-alive", id, "--for", "2h", "--json").object()
            #expect(longer.number("durationMs") == 7_200_000)
            #expect(try await cairn("lease", "expire", id).text == "2 keys expired\n")
            #expect(try await cairn("get", "on/it").status == .code(3))
            for command in ["show", "keep-alive", "expire"] {
                let gone = try await cairn("lease", command, id)
                #expect(gone.status == .code(3), "lease \(command) of an expired one")
                #expect(gone.errors.contains("lease \(id)"))
            }
        }
    }

    @Test("lease keep-alive --forever prolongs until it is interrupted, or the lease is gone")
    func keepAliveForever() async throws {
        try await withServer { (cairn) async throws in
            let id = try await cairn("lease", "grant", "6s").text.trimmingCharacters(in: .newlines)
            let keeper = try cairn.start("lease", "keep-alive", id, "--forever", "--json")
            let lines = try await keeper.output.lines(atLeast: 2)
            let deadlines = try lines.map { try JSONFields($0).text("deadline") }
            #expect(deadlines.allSatisfy { $0 != nil } && deadlines[0] != deadlines[1], "\(lines)")
            #expect(keeper.errors.bytes.isEmpty)
            keeper.signal(SIGINT)
            #expect(try await keeper.status() == .signal(SIGINT))
            let second = try cairn.start("lease", "keep-alive", id, "--forever")
            _ = try await second.output.lines(atLeast: 1)
            try await cairn.must("lease", "expire", id)
            #expect(try await second.status() == .code(3))
            #expect(second.errors.text.contains("lease \(id)"), "\(second.errors.text)")
            // Without a deadline there is nothing to prolong, and it says so by ending.
            let endless = try await cairn("lease", "grant").text.trimmingCharacters(in: .newlines)
            #expect(try await cairn("lease", "keep-alive", endless, "--forever").status == .code(0))
        }
    }

    @Test("lease grant --id takes a number once, and without a duration it lives on")
    func chosenLease() async throws {
        try await withServer { (cairn) async throws in
            let id = "\(1 << 48)"
            #expect(try await cairn("lease", "grant", "--id", id).text == "\(id)\n")
            #expect(try await cairn("lease", "show", id).text.contains("no deadline"))
            #expect(try await cairn("lease", "grant", "--id", id).status == .code(4))
            #expect(try await cairn("lease", "grant", "--id", "7").status == .code(1))
            #expect(try await cairn("lease", "grant", "soon").status == .code(64))
        }
    }

    @Test("txn: from standard input and from a file; all of it happens, or nothing")
    func transactions() async throws {
        let text = """
            {"if":   [{"key": "stock/apples", "version": 1}, {"key": "orders/17", "absent": true}],
             "then": [{"set": {"key": "stock/apples", "value": "41"}},
                      {"set": {"key": "orders/17", "valueBase64": "AP8="}},
                      {"delete": {"key": "carts/9"}}],
             "else": [{"get": {"key": "stock/apples"}}]}
            """
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "stock/apples", "42")
            try await cairn.must("set", "carts/9", "apples")
            let done = try await cairn("txn", "--json", input: Array(text.utf8))
            #expect(done.status == .code(0))
            let result = try done.object()
            #expect(result.flag("succeeded") == true)
            #expect(result.number("ref") == 5)
            #expect(result.objects("results")?[0].object("written")?.number("version") == 2)
            #expect(result.objects("results")?[2].objects("deleted")?[0].text("key") == "carts/9")
            #expect(try await cairn("get", "orders/17").output == [0, 0xFF])
            try await withTemporaryDirectory { directory in
                let file = directory + "/txn.json"
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                let refused = try await cairn("txn", file, "--json")
                #expect(refused.status == .code(4))
                #expect(try refused.object().flag("succeeded") == false)
                #expect(try refused.object().objects("results")?[0].object("read")?.text("value") == "41")
                #expect(refused.errors.contains("stock/apples"))
                #expect(try await cairn("txn", directory + "/none.json").status == .code(1))
            }
            #expect(try await cairn("status", "--json").object().number("headRef") == 5)
        }
    }

    @Test(
        "txn: what can't be read is refused, and says where",
        arguments: [
            ("{", "can't be read"), ("[]", "can't be read"), ("{}", "then"),
            (#"{"then": [{"sett": {"key": "a"}}]}"#, "sett"), (#"{"then": [{}]}"#, "0 things"),
            (#"{"then": [{"get": {"key": "a"}, "delete": {"key": "a"}}]}"#, "2 things"),
            (#"{"if": [{"key": "a"}], "then": []}"#, "0 tests"),
            (#"{"if": [{"key": "a", "is": "~", "version": 1}], "then": []}"#, "~"),
            (#"{"then": [{"set": {"key": "", "value": "x"}}]}"#, "key"),
        ])
    func unreadableTransactions(_ text: String, _ expected: String) async throws {
        try await withServer { (cairn) async throws in
            let result = try await cairn("txn", input: Array(text.utf8))
            #expect(result.status == .code(1))
            #expect(result.errors.contains(expected), "\(result.errors)")
            #expect(try await cairn("status", "--json").object().number("headRef") == 0)
        }
    }

    @Test("consume goes on where it stopped; consumers are listed, reset and deleted")
    func consumers() async throws {
        try await withServer { (cairn) async throws in
            for number in 1...3 { try await cairn.must("set", "jobs/\(number)", "x") }
            let first = try await cairn("consume", "worker", "jobs/", "--until-head", "--json").objects()
            #expect(first.map { $0.number("ref") } == [1, 2, 3])
            try await cairn.must("set", "jobs/4", "x")
            try await cairn.must("set", "other", "x")
            let second = try await cairn("consume", "worker", "jobs/", "--until-head").lines
            #expect(second == ["4\tcreated\tjobs/4\tv1\tx"])
            let consumer = try await cairn("consumers", "list", "--json").object()
            #expect(consumer.text("name") == "worker")
            #expect(consumer.number("cursor") == 5)
            #expect(try await cairn("consumers", "list").text == "worker\tat 5\t0 behind\n")
            #expect(try await cairn("consumers", "reset", "worker", "2").text == "worker at 2\n")
            let third = try await cairn("consume", "worker", "jobs/", "--until-head", "--json").objects()
            #expect(third.map { $0.number("ref") } == [3, 4])
            #expect(try await cairn("consumers", "reset", "worker", "99").status == .code(6))
            #expect(try await cairn("consumers", "delete", "worker").status == .code(0))
            #expect(try await cairn("consumers", "delete", "worker").status == .code(3))
            #expect(try await cairn("consumers", "list").output.isEmpty)
        }
    }
}
