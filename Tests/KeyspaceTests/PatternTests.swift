import CairnModel
import CairnTestSupport
import Testing

@testable import CairnKeyspace

@Suite("patterns")
struct PatternTests {
    private func matcher(_ pattern: KeyPattern) throws -> PatternMatcher {
        try PatternMatcher(pattern, limits: .standard)
    }

    @Test(
        "the range that is searched leaves out no key that matches",
        arguments: [
            .glob("jobs/*"), .glob("jobs/1*"), .glob("*"), .glob("{a,jobs}/*"), .glob("jobs/\u{10FFFF}*"),
            .glob("jobs"), .regex("^jobs/"), .regex("^jobs/1$"), .regex("jobs"), .regex("^(a|jobs)/"),
            .regex("(?i)^JOBS"), .regex("^.?obs"), .regex("^" + String(repeating: "j", count: 200)),
        ] as [KeyPattern])
    func narrowing(_ pattern: KeyPattern) throws {
        let matcher = try matcher(pattern)
        let long = String(repeating: "j", count: 200)
        let short: [Key] = ["a/1", "jobs", "jobs/", "jobs/1", "jobs/12", "jobs0", "JOBS/1", "obs", "z"]
        let keys = short + [Key(long), Key(long + "k")]
        for range in [KeyRange.all, KeyRange(prefix: "jobs"), KeyRange(from: "b", to: "jobs/12")] {
            let narrowed = pattern.narrowed(range)
            for key in keys where range.contains(key) && matcher.matches(key) {
                #expect(narrowed.contains(key), "\(pattern.text.prefix(20)) \(key)")
            }
            for key in keys where narrowed.contains(key) { #expect(range.contains(key)) }
        }
    }

    @Test("what every match begins with is told, and no more")
    func prefixes() {
        let expected: [(KeyPattern, Key)] = [
            (.glob("jobs/*"), "jobs/"), (.glob("*"), ""), (.glob("a,b}c"), "a,b}c"), (.glob("a\\*"), "a"),
            (.glob("{a,b}"), ""), (.glob("ä?"), "ä"), (.regex("^jobs/"), "jobs/"), (.regex("^jobs*"), "job"),
            (.regex("^jobs?"), "job"), (.regex("^jobs{0}"), "job"), (.regex("^jobs+"), "job"), (.regex("^a|b"), ""),
            (.regex("^a(b|c)"), ""), (.regex("jobs"), ""), (.regex("^"), ""), (.regex("^a.b"), "a"),
            (.regex("^a\\.b"), "a"), (.regex("(?m)^a"), ""), (.regex("^a$"), "a"), (.regex("^ä"), ""),
        ]
        for (pattern, prefix) in expected { #expect(pattern.prefix == prefix, "\(pattern.text)") }
    }

    @Test("bytes that are no UTF-8 are matched by no character, and harm nothing")
    func noText() throws {
        let key = Key(bytes: [0x61, 0xFF, 0x62])
        #expect(try !matcher(.glob("a?b")).matches(key))
        #expect(try !matcher(.glob("**")).matches(key))
        #expect(try matcher(.regex("^a")).matches(key))
        #expect(try matcher(.regex("")).matches(key))
        #expect(try matcher(.glob("a\0b")).matches(Key(bytes: [0x61, 0, 0x62])))
    }

    @Test("a search for few among many keys ends a page after a bounded number of them")
    func bounded() throws {
        var limits = Limits()
        limits.pageEntries = 10
        let request = ListRequest(prefix: "", pattern: .regex("never"))
        var pages = 0
        var next: Key? = Key(bytes: [])
        while let start = next {
            var request = request
            request.page = start
            let page = try Listing.page(request, limits: limits, head: 1) { range, _ -> Listing.Piece in
                // Keys of three digits.
                let first = Int(range.lower.text) ?? 100
                return Listing.Piece([], end: first >= 920 ? nil : Key(String(first + 20)), keysSeen: 20)
            }
            #expect(page.entries.isEmpty)
            pages += 1
            next = page.next
        }
        // Twenty keys a look, a hundred a page, of eight hundred and forty.
        #expect(pages == 9)
    }
}

@Suite("key ranges")
struct KeyRangeTests {
    @Test("ranges that overlap or touch become one, and hold the same keys")
    func disjoint() {
        var random = SeededGenerator(seed: RandomRun.seed)
        let keys = (0..<40).map { Key("\($0 / 10)\($0 % 10)") }
        for _ in 0..<500 {
            let ranges = (0..<random.below(6)).map { _ in
                KeyRange(from: random.pick(keys), to: random.once(in: 6) ? nil : random.pick(keys))
            }
            let disjoint = ranges.disjoint
            let counts = keys.map { key in disjoint.count { $0.contains(key) } }
            let expected = keys.map { key in ranges.contains { $0.contains(key) } ? 1 : 0 }
            #expect(counts == expected, "CAIRN_SEED=\(RandomRun.seed)")
            let haveGaps = zip(disjoint, disjoint.dropFirst()).allSatisfy { before, after in
                before.upper.map { $0 < after.lower } == true
            }
            #expect(haveGaps, "CAIRN_SEED=\(RandomRun.seed)")
        }
    }
}
