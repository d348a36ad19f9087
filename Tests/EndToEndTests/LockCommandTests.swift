import Foundation
import Testing

/// `lock`, `unlock`, `locks`, `pop`, `exists`, `clear` and lifespans of the built binary.
@Suite("Commands: locks")
struct LockCommandTests {
    @Test("lock, refuse, show, extend, unlock")
    func locks() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "report", "1")
            let lock = try await cairn("lock", "report", "1h", "--client-id", "ann", "--json").object()
            #expect(lock.number("token") == 2)
            #expect(lock.text("owner") == "ann" && lock.text("mode") == "exclusive")
            for command in [
                ["set", "report", "2"], ["delete", "report"], ["pop", "report"], ["get", "report"],
                ["lock", "report", "1s"], ["unlock", "report"],
            ] {
                let refused = try await cairn.run(command + ["--client-id", "bob"])
                #expect(refused.status == .code(7), "\(command): \(refused.errors)")
                #expect(refused.errors.contains("\"report\" is locked by \"ann\""), "\(refused.errors)")
            }
            // Without a name one is whoever runs the command, and that isn't ann.
            #expect(try await cairn("get", "report").status == .code(7))
            #expect(try await cairn("exists", "report").text == "true\n")
            let listed = try await cairn("locks").text
            #expect(listed.hasPrefix("2\treport\tann\texclusive\tends in "), "\(listed)")
            try await cairn.must("set", "report", "2", "--client-id", "ann")
            let again = try await cairn("lock", "report", "2h", "--client-id", "ann", "--json").object()
            #expect(again.number("token") == 2 && again.number("durationMs") == 7_200_000)
            try await cairn.must("unlock", "report", "--client-id", "ann")
            #expect(try await cairn("locks").text == "")
            #expect(try await cairn("get", "report").text == "2")
            let missing = try await cairn("lock", "nothing", "1s")
            #expect(missing.status == .code(3))
            try await cairn.must("lock", "nothing", "1h", "--create-if-missing", "--mode", "write")
            #expect(try await cairn("get", "nothing", "--client-id", "bob").status == .code(0))
            let wrong = try await cairn("lock", "report", "1h", "--mode", "shared")
            #expect(wrong.status == .code(64))
        }
    }

    @Test("lock --wait gets the lock when it is given back, and can be interrupted")
    func waiting() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("lock", "key", "1h", "--create-if-missing", "--client-id", "ann")
            // For a second, should the server grant it before it hears that nobody is there.
            let impatient = try cairn.start("lock", "key", "1s", "--wait-forever", "--client-id", "bob")
            let patient = try cairn.start("lock", "key", "1h", "--wait", "10m", "--client-id", "carl")
            impatient.signal(SIGINT)
            #expect(try await impatient.status() == .signal(SIGINT))
            try await cairn.must("unlock", "key", "--client-id", "ann")
            #expect(try await patient.status() == .code(0))
            #expect(try await patient.output.lines(atLeast: 1)[0].hasPrefix("token "))
            let short = try await cairn("lock", "key", "1h", "--wait", "50ms", "--client-id", "dora")
            #expect(short.status == .code(7), "\(short.errors)")
        }
    }

    @Test("pop, exists and clear")
    func others() async throws {
        try await withServer { (cairn) async throws in
            for key in ["a/1", "a/2", "b"] { try await cairn.must("set", key, "value of \(key)") }
            #expect(try await cairn("pop", "b").text == "value of b")
            #expect(try await cairn("pop", "b").status == .code(3))
            #expect(try await cairn("exists", "b").text == "false\n")
            try await cairn.must("lock", "a/2", "1h")
            #expect(try await cairn("clear", "a/").text == "1 deleted\n")
            #expect(try await cairn("clear").status == .code(64))
            #expect(try await cairn("clear", "--all", "--force").text == "1 deleted\n")
            #expect(try await cairn("list").text == "")
        }
    }

    @Test("a set with a lock and a lifespan, and a transaction with a lock")
    func together() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "key", "1", "--lock", "1h", "--lifespan", "2h")
            let leases = try await cairn("lease", "list", "--json").object()
            #expect(leases.number("durationMs") == 7_200_000)
            #expect(try await cairn("set", "key", "2", "--client-id", "bob").status == .code(7))
            let transaction = """
                {"if": [{"key": "key", "lockToken": 2}],
                 "then": [{"set": {"key": "key", "value": "3", "lifespan": "3h"}}, {"unlock": {"key": "key"}},
                          {"lock": {"key": "key", "duration": "1h", "mode": "write"}}]}
                """
            let done = try await cairn("txn", input: Array(transaction.utf8))
            #expect(done.status == .code(0), "\(done.errors)")
            #expect(done.lines.contains { $0.hasPrefix("locked \"key\" token ") }, "\(done.text)")
            let both = try await cairn("set", "key", "4", "--lifespan", "1h", "--expires-in", "1h")
            #expect(both.status == .code(64))
        }
    }

    @Test("locks and lifespans survive kill -9 with what time they have left")
    func restart() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/store.db"
            var deadline: String?
            try await withServer(store: store) { (cairn) async throws in
                try await cairn.must("set", "key", "1", "--lock", "1h", "--lifespan", "2h", "--client-id", "ann")
                deadline = try await cairn("locks", "--json").object().text("deadline")
            }
            try await withServer(store: store) { (cairn) async throws in
                #expect(deadline != nil)
                #expect(try await cairn("locks", "--json").object().text("deadline") == deadline)
                #expect(try await cairn("set", "key", "2").status == .code(7))
                try await cairn.must("set", "key", "2", "--client-id", "ann")
                let lease = try await cairn("lease", "list", "--json").object()
                #expect(try #require(lease.number("timeLeftMs")) <= 7_200_000)
            }
        }
    }
}
