import Testing

@testable import CairnSettings

/// What texts stand for, and what is said of those that stand for nothing.
@Suite("Values of settings")
struct SettingKindTests {
    @Test(
        "texts that are values",
        arguments: [
            (SettingKind.integer(1...10), "10", SettingValue.integer(10)), (.integer(1...10), "1", .integer(1)),
            (.bytes(1...4 << 20), "4MiB", .integer(4 << 20)), (.bytes(1...4 << 20), "4096", .integer(4096)),
            (.duration(atLeast: 0), "1h30m", .duration(.seconds(5_400))),
            (.duration(atLeast: 1_000), "1ms", .duration(.milliseconds(1))), (.flag, "yes", .flag(true)),
            (.flag, "OFF", .flag(false)), (.choice(["a", "b"]), "b", .text("b")), (.list, "x", .list(["x"])),
            (.ratio, "0.25", .ratio(0.25)), (.ratio, "0", .ratio(0)), (.ratio, "1", .ratio(1)),
            (.endpoint, "grpc://[::1]:4317", .text("grpc://[::1]:4317")),
        ])
    func values(_ kind: SettingKind, _ text: String, _ value: SettingValue) throws {
        #expect(try kind.value(of: text).get() == value)
    }

    @Test(
        "texts that are none, and why",
        arguments: [
            (SettingKind.integer(1...10), "0", "1 to 10"), (.integer(1...10), "11", "1 to 10"),
            (.integer(1...Int.max), "0", "the least is 1"), (.integer(1...10), "ten", "no whole number"),
            (.bytes(1...1_024), "2KiB", "1 to 1024"), (.bytes(1...1_024), "1KB", "no number of bytes"),
            (.bytes(1...Int.max), "9999999999999GiB", "no number of bytes"),
            (.duration(atLeast: 1_000_000), "999ms", "the least is 1s"), (.duration(atLeast: 0), "10", "no duration"),
            (.duration(atLeast: 0), "", "no duration"), (.flag, "maybe", "neither true nor false"),
            (.choice(["a", "b"]), "c", "not one of a, b"), (.text, "", "empty"), (.list, "", "empty"),
            (.ratio, "1.01", "0 to 1"), (.ratio, "-0.1", "0 to 1"), (.ratio, "nan", "0 to 1"), (.ratio, "", "0 to 1"),
            (.endpoint, "https://a:1", "grpc://HOST:PORT"), (.endpoint, "", "grpc://HOST:PORT"),
        ])
    func problems(_ kind: SettingKind, _ text: String, _ words: String) {
        #expect(throws: SettingProblem.self) { try kind.value(of: text).get() }
        if case .failure(let problem) = kind.value(of: text) {
            #expect(problem.message.contains(words), "\(problem.message)")
        }
    }

    @Test("an endpoint has a host, a port, and a path if it is one of HTTP")
    func endpoints() throws {
        let plain = try #require(EndpointText("grpc://collector:4317"))
        #expect(plain.scheme == .grpc && plain.host == "collector" && plain.port == 4317 && plain.path.isEmpty)
        let deep = try #require(EndpointText("http://[::1]:4318/a/b//"))
        #expect(deep.scheme == .http && deep.host == "::1" && deep.port == 4318 && deep.path == "/a/b")
        #expect(try #require(EndpointText("http://h/") { $0 == .http ? 4318 : nil }).port == 4318)
        for text in [
            "h:1", "grpc://", "grpc://h", "grpc://:1", "grpc://h:0", "grpc://h:65536", "grpc://h:x", "grpc://h:1/a",
            "http://u@h:1", "http://h:1/a?b", "http://h:1/#a", "http://a:b:1", "ftp://h:1", "http://h :1", "http://h:",
        ] {
            #expect(EndpointText(text) == nil, "\(text)")
        }
    }

    @Test(
        "passwords are hidden, wherever a URL may hold them",
        arguments: [
            ("sqlite:./a.db", "sqlite:./a.db"), ("postgres://db/x", "postgres://db/x"),
            ("postgres://u:geheim@db/x", "postgres://u:***@db/x"), ("mysql://u:p@q@db:1/x", "mysql://u:***@db:1/x"),
            ("postgres://u@db/x?password=geheim&a=b", "postgres://u@db/x?password=***&a=b"),
            ("postgres://db/x?sslpassword=geheim", "postgres://db/x?sslpassword=***"),
            ("postgres://[::1]:5432/x", "postgres://[::1]:5432/x"),
            ("postgres:/u:geheim@db/x", "postgres:***@db/x"), ("postgres//u:geheim@db", "postgres//u:***@db"),
            ("u:geheim@db", "u:***@db"), ("postgres://u:ge?heim@db/x", "postgres://u:***@db/x"),
            ("postgres://u:ge/he@im@db/x?a=b", "postgres://u:***@db/x?a=b"),
            ("postgres://u:geheim", "postgres://u:***"),
            ("postgres://u:geheim/x", "postgres://u:***/x"), ("postgres://a:1,b:2/x", "postgres://a:1,b:2/x"),
            ("host=db password=geheim user=u", "host=db password=*** user=u"),
            ("host=db password='ge heim' user=u", "host=db password=***' user=u"), ("memory:", "memory:"),
            ("sqlite:/home/u:v@w/a.db", "sqlite:/home/u:v@w/a.db"), ("http://u:geheim@h:1", "http://u:***@h:1"),
        ])
    func secrets(_ url: String, _ shown: String) { #expect(SecretText.hidden(url) == shown) }

    @Test(
        "the nearest name is suggested, if one is near",
        arguments: [
            ("log-levl", "log-level"), ("logLevel", "log-level"), ("LOG_LEVEL", "log-level"),
            ("retain-event", "retain-events"), ("threds", "threads"), ("colour", nil), ("x", nil),
        ])
    func suggestions(_ written: String, _ meant: String?) {
        #expect(Suggestion.nearest(to: written, among: Setting.all.map(\.name)) == meant)
    }
}
