import CairnMemory
import CairnModel
import CairnTestSupport
import CairnTestWaits
import Testing

@testable import CairnKeyspace

@Suite("retention", .timeLimit(.minutes(10)))
struct RetentionTests {
    private func head(_ last: Int64, oldest: Int64 = 1) -> Head {
        Head(lastRef: Ref(last), oldestRef: Ref(oldest), lastLeaseID: 0, time: Timestamp(microseconds: 0))
    }

    @Test("by count: nothing goes until a tenth more than asked for is there")
    func byCount() {
        let retention = Retention(maxEvents: 100)
        #expect(retention.oldestByCount(head: head(0)) == nil)
        #expect(retention.oldestByCount(head: head(110)) == nil)
        #expect(retention.oldestByCount(head: head(111)) == 12)
        #expect(retention.oldestByCount(head: head(211, oldest: 102)) == nil)
        #expect(retention.oldestByCount(head: head(212, oldest: 102)) == 113)
        #expect(Retention(maxAge: .seconds(1)).oldestByCount(head: head(1_000)) == nil)
        #expect(Retention(maxEvents: 0).oldestByCount(head: head(1)) == 2)
    }

    @Test("by age: the first event that is young enough, found by halving", arguments: 0...12)
    func byAge(young: Int64) throws {
        // Twelve events, one a second, at 1 to 12 seconds; those of the last `young` seconds stay.
        let now = Timestamp(microseconds: 12_000_000)
        var asked = 0
        let oldest = try Retention(maxAge: .seconds(young)).oldestByAge(head: head(12), now: now) { ref in
            asked += 1
            return Timestamp(microseconds: ref.rawValue * 1_000_000)
        }
        // An event of exactly that age stays.
        let expected: Ref? = young >= 11 ? nil : Ref(12 - young)
        #expect(oldest == expected)
        #expect(asked <= 4)
    }

    @Test("by age: all of it when all is old, none when there is none")
    func byAgeAtTheEnds() throws {
        let now = Timestamp(microseconds: 100_000_000)
        let retention = Retention(maxAge: .seconds(1))
        let all = try retention.oldestByAge(head: head(5), now: now) { _ in Timestamp(microseconds: 0) }
        #expect(all == 6)
        let none = try retention.oldestByAge(head: head(5, oldest: 6), now: now) { _ in Timestamp(microseconds: 0) }
        #expect(none == nil)
    }

    @Test("a store keeps its log to its retention as time passes")
    func upkeep() async throws {
        let clock = ManualClock()
        let store = try await Keyspace.open(
            MemoryEngine(), clock: clock, retention: Retention(maxEvents: 10, maxAge: .seconds(60)))
        for _ in 0..<30 { try await store.set("key", "1") }
        try await clock.waitForSleepers(1)
        clock.advance(by: .seconds(1))
        try await eventually("the log is kept to its size") { try await store.status().oldestRef >= 21 }
        #expect(try await store.status().oldestRef == 21)
        try await clock.waitForSleepers(1)
        clock.advance(by: .seconds(61))
        try await eventually("the log is kept to its age") { try await store.status().oldestRef >= 31 }
        #expect(try await store.get("key")?.version == 30)
        await store.close()
    }
}
