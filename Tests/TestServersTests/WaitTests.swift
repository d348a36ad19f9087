import CairnTestWaits
import Testing

@Suite("waits", .timeLimit(.minutes(10)))
struct WaitTests {
    @Test("a wait for what never comes ends, and says what it was for") func expiry() async {
        let signal = Signal("the moon is blue")
        let expected = "waited \(Duration.milliseconds(10)) in vain: the moon is blue"
        let error = await #expect(throws: WaitExpired.self) { try await signal.wait(within: .milliseconds(10)) }
        #expect(error?.description == expected)
        let other = await #expect(throws: WaitExpired.self) {
            try await eventually("the moon is blue", within: .milliseconds(10)) { false }
        }
        #expect(other?.description == expected)
        #expect(!Gate().passes(within: .milliseconds(10)))
    }

    @Test("a wait ends when its task is cancelled, before or after it began") func cancellation() async throws {
        for isEarly in [true, false] {
            let signal = Signal("nothing")
            let begun = Signal("the wait begins")
            let waiter = Task {
                // Until it is cancelled, if it is to be so from the start.
                if isEarly { try? await Signal("the cancellation").wait() }
                begun.set()
                try await signal.wait()
            }
            if !isEarly { try await begun.wait() }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            let poller = Task { try await eventually("nothing") { false } }
            poller.cancel()
            await #expect(throws: CancellationError.self) { try await poller.value }
        }
    }

    @Test("a wait ends with what has come, before it began or since") func arrival() async throws {
        let signal = Signal("something")
        let waiters = (0..<10).map { _ in Task { try await signal.wait() } }
        signal.set()
        #expect(signal.isSet)
        for waiter in waiters { try await waiter.value }
        try await signal.wait()
        let number = try await waiting(for: "a number") { (waiter: Resumption<Int>) in
            waiter.resume(returning: 1)
            waiter.resume(returning: 2)
        }
        #expect(number == 1)
        let gate = Gate(open: 1)
        gate.open()
        #expect(gate.passes() && gate.passes() && !gate.passes(within: .zero))
    }
}
