import CairnClient
import CairnKeyspace
import CairnModel
import CairnTestSupport
import Testing

/// How long a store knows a request id.
@Suite("Request window", .timeLimit(.minutes(10)))
struct RequestWindowTests {
    /// Ids are forgotten once in so many rounds of upkeep.
    private static let rounds = 60

    @Test("a request is answered from memory within the window, and run anew after it", arguments: Home.allCases)
    func window(_ home: Home) async throws {
        try await withServedStore(home) { served, client in
            let window = served.store.limits.requestWindow
            let id = RequestID.random()
            let first = try await client.set("k", "1", requestID: id)
            // To the very end of the window.
            try await upkeep(served.clock, upTo: window)
            #expect(try await client.set("k", "1", requestID: id) == first)
            #expect(try await client.status().headRef == first.updatedRef)
            // And beyond it. That it was answered again meanwhile makes it no younger.
            try await upkeep(served.clock, upTo: .seconds(RequestWindowTests.rounds))
            let anew = try await client.set("k", "1", requestID: id)
            #expect(anew.version == 2 && anew.updatedRef == first.updatedRef.next)
            // The new one is remembered like any other.
            #expect(try await client.set("k", "1", requestID: id) == anew)
        }
    }

    /// Has as much upkeep done as it takes for ids to be forgotten, the last of it when `duration` has passed.
    private func upkeep(_ clock: ManualClock, upTo duration: Duration) async throws {
        for _ in 1..<RequestWindowTests.rounds { try await pass(.seconds(1), on: clock) }
        try await pass(duration - .seconds(RequestWindowTests.rounds - 1), on: clock)
        // It sleeps again, so it is done.
        try await clock.waitForSleeper(until: clock.now() + .seconds(1))
    }

    private func pass(_ duration: Duration, on clock: ManualClock) async throws {
        try await clock.waitForSleeper(until: clock.now() + .seconds(1))
        clock.advance(by: duration)
    }
}
