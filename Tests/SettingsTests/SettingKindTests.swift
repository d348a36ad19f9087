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
        ])
    func problems(_ kind: SettingKind, _ text: String, _ words: String) {
        #expect(throws: SettingProblem.self) { try kind.value(of: text).get() }
        if case .failure(let problem) = kind.value(of: text) {
            #expect(problem.message.contains(words), "\(problem.message)")
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
