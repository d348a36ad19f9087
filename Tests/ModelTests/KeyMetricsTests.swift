import CairnModel
import Testing

/// How often a key was used, and what follows from it.
@Suite("Metrics of a key")
struct KeyMetricsTests {
    private let now = Timestamp(microseconds: 1_000_000_000_000_000)

    private func hoursAgo(_ hours: Int) -> Timestamp { now + .seconds(-3_600 * hours) }

    @Test("an activity knows how often, when first and when last")
    func activity() {
        var activity = KeyActivity()
        #expect(activity.count == 0 && activity.first == nil && activity.last == nil)
        activity.note(at: now)
        #expect(activity.count == 1 && activity.first == now && activity.last == now)
        activity.note(at: now + .seconds(1))
        // The clock was turned back.
        activity.note(at: now)
        #expect(activity.count == 3 && activity.first == now && activity.last == now + .seconds(1))
        #expect(KeyActivity(count: 0, first: now, last: now) == KeyActivity())
    }

    @Test("the score is the sum of the weights by the hours since each use")
    func score() {
        var metrics = KeyMetrics()
        #expect(metrics.score(at: now) == 0 && metrics.lastUse == nil)
        metrics.accesses = KeyActivity(count: 2, first: hoursAgo(10), last: hoursAgo(2))
        #expect(metrics.score(at: now) == 0.5 / 2)
        metrics.sets = KeyActivity(count: 2, first: hoursAgo(8), last: hoursAgo(4))
        #expect(metrics.score(at: now) == 0.5 / 2 + 0.2 / 4 + 0.2 / 8)
        metrics.locks = KeyActivity(count: 1, first: hoursAgo(1), last: hoursAgo(1))
        #expect(abs(metrics.score(at: now) - (0.25 + 0.05 + 0.025 + 0.1)) < 1e-12)
        #expect(metrics.lastUse == hoursAgo(1))
    }

    @Test("a use that is still to come counts nothing, one of this moment counts much")
    func edges() {
        var metrics = KeyMetrics()
        metrics.locks = KeyActivity(count: 1, first: hoursAgo(-1), last: hoursAgo(-1))
        #expect(metrics.score(at: now) == 0)
        metrics.accesses = KeyActivity(count: 1, first: now, last: now)
        #expect(metrics.score(at: now) == 0.5 * 3_600e6)
    }
}
