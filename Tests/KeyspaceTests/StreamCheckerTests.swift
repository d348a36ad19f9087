import CairnModel
import CairnTestSupport
import Testing

@Suite("stream checker")
struct StreamCheckerTests {
    private static func event(_ ref: Int64, _ key: Key = "k", index: Int32 = 0, count: Int32 = 1) -> Event {
        Event(
            ref: Ref(ref), kind: .updated, key: key, version: ref, value: "1", leaseID: 1, createdRef: 1,
            createdVersion: 1,
            previousRef: nil, time: Timestamp(microseconds: 0), transactionIndex: index, transactionCount: count)
    }

    private static let log = [event(1), event(2, "a", index: 0, count: 2), event(3, index: 1, count: 2), event(4)]

    private func problem(
        _ updates: [WatchUpdate], _ request: WatchRequest = WatchRequest(range: .all, start: .ref(1))
    ) -> String? {
        var checker = StreamChecker(request)
        for update in updates { checker.take(update) }
        return checker.finish(log: StreamCheckerTests.log, wholeTransactions: true)
    }

    @Test("accepts streams that are right")
    func accepts() {
        let log = StreamCheckerTests.log
        #expect(problem([.events(log)]) == nil)
        #expect(
            problem([.events([log[0]]), .progress(1), .events(Array(log[1...2])), .events([log[3]]), .progress(4)])
                == nil)
        let only = WatchRequest(range: KeyRange(single: "a"), start: .ref(1))
        #expect(problem([.events([log[1]]), .progress(4)], only) == nil)
        let current = WatchRequest(range: KeyRange(single: "k"), start: .current)
        #expect(problem([.records([Record(after: log[2])], ref: 3), .events([log[3]])], current) == nil)
    }

    @Test("refuses streams that are wrong")
    func refuses() {
        let log = StreamCheckerTests.log
        let wrong: [(String, [WatchUpdate])] = [
            ("a hole", [.events([log[0]]), .events([log[3]])]),
            ("an event left out before progress", [.events(Array(log[..<3])), .progress(4)]),
            ("a repetition", [.events([log[0]]), .events(log)]),
            ("out of order", [.events([log[1], log[2]]), .events([log[0]])]),
            ("half a transaction", [.events(Array(log[..<2])), .events(Array(log[2...]))]),
            ("progress backwards", [.events(log), .progress(4), .progress(3)]),
            ("an event behind progress", [.progress(4), .events([log[3]])]),
            ("an invented event", [.events(Array(log[..<3]) + [StreamCheckerTests.event(4, "x")])]),
            ("an empty update", [.events([])]),
            ("records unasked for", [.records([], ref: 1)]),
        ]
        for (name, updates) in wrong { #expect(problem(updates) != nil, "\(name)") }
        let only = WatchRequest(range: KeyRange(single: "a"), start: .ref(1))
        #expect(problem([.events(log)], only) != nil)
        let current = WatchRequest(range: KeyRange(single: "k"), start: .current)
        let shown = WatchUpdate.records([Record(after: log[2])], ref: 3)
        #expect(problem([shown, .events([log[2]])], current) != nil)
        #expect(problem([shown, .progress(4)], current) != nil)
        #expect(problem([shown, shown], current) != nil)
    }
}

@Suite("manual clock", .timeLimit(.minutes(10)))
struct ManualClockTests {
    @Test("wakes who is due, in whichever order things happen")
    func wakes() async throws {
        let clock = ManualClock(Timestamp(microseconds: 0))
        try await clock.sleep(until: Timestamp(microseconds: 0))
        let early = Task { try await clock.sleep(until: Timestamp(microseconds: 10)) }
        let late = Task { try await clock.sleep(until: Timestamp(microseconds: 20)) }
        try await clock.waitForSleepers(2)
        clock.advance(by: .microseconds(10))
        try await early.value
        #expect(clock.sleeperCount == 1)
        late.cancel()
        await #expect(throws: CancellationError.self) { try await late.value }
        #expect(clock.sleeperCount == 0)
        clock.advance(by: .microseconds(-3))
        #expect(clock.now() == Timestamp(microseconds: 7))
    }
}
