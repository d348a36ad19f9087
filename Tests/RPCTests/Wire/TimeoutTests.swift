import CairnRPC
import Testing

@Suite("grpc-timeout")
struct TimeoutTests {
    @Test(
        "parses each unit",
        arguments: [
            ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
            ("5u", .microseconds(5)), ("6n", .nanoseconds(6)), ("99999999S", .seconds(99_999_999)), ("0S", .zero),
        ])
    func parses(_ text: String, _ expected: Duration) { #expect(Timeout.parse(text.utf8) == expected) }

    @Test("refuses what is not a timeout", arguments: ["", "S", "5", "5s", "-1S", "1.5S", "123456789S", " 1S", "1SS"])
    func refuses(_ text: String) { #expect(Timeout.parse(text.utf8) == nil) }

    @Test(
        "never says less than the time that is left",
        arguments: [
            Duration.nanoseconds(1), .nanoseconds(99_999_999), .nanoseconds(100_000_001), .seconds(1), .seconds(99),
            .milliseconds(100_001), .seconds(99_999), .seconds(100_001), .seconds(99_999_999), .seconds(200_000_000),
            .seconds(9_000_000_000),
        ])
    func rounds(_ duration: Duration) throws {
        let text = Timeout.format(duration)
        #expect(text.utf8.count <= 9)
        let parsed = try #require(Timeout.parse(text.utf8))
        #expect(parsed >= duration)
        #expect(parsed <= duration * 2 + .seconds(3600))
    }

    @Test("says the least for no time") func zero() {
        #expect(Timeout.format(.zero) == "1n")
        #expect(Timeout.format(.seconds(-1)) == "1n")
    }
}
