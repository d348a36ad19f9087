import Testing

@testable import CairnKeyspace

/// When a batch waits for more callers, and for how long.
@Suite struct BatchPaceTests {
    @Test func whoWritesAloneNeverWaits() {
        var pace = BatchPace()
        #expect(pace.wait(when: 1) == nil)
        pace.note(1, took: .seconds(1))
        #expect(pace.wait(when: 1) == nil)
        #expect(pace.wait(when: 0) == nil)
    }

    @Test func aBatchWaitsForAsManyAsTheLastHeld() throws {
        var pace = BatchPace()
        pace.note(10, took: .microseconds(300))
        let wait = try #require(pace.wait(when: 9))
        #expect(wait.until == 10)
        #expect(wait.within == .microseconds(150))
        #expect(pace.wait(when: 10) == nil)
        #expect(pace.wait(when: 11) == nil)
    }

    @Test func aSlowDiskDoesNotMakeTheWaitLong() throws {
        var pace = BatchPace()
        pace.note(10, took: .seconds(5))
        #expect(try #require(pace.wait(when: 1)).within == BatchPace.longest)
    }

    @Test func onceTheOthersAreGoneNobodyWaits() {
        var pace = BatchPace()
        pace.note(10, took: .milliseconds(1))
        pace.note(1, took: .milliseconds(1))
        #expect(pace.wait(when: 1) == nil)
    }
}
