/// How long a batch waits for callers who are likely to come at once.
///
/// A batch costs as much for its commit, its sync and its wake-ups whether it holds one transaction or a hundred.
/// Callers who write one transaction after another come back in step: those who were just answered are about to ask
/// again. If the committer took what has come by the time it is free, it would commit for the first few of them, and
/// again for the next. So it waits for as many as the last batch held, but never longer than a fraction of what a
/// batch takes; who writes alone never waits. A pure rule: the committer brings the time.
struct BatchPace: Sendable {
    /// The longest wait.
    static let longest = Duration.milliseconds(1)

    /// How many transactions the last batch held, and how long it took.
    private var lastCount = 0
    private var lastDuration = Duration.zero

    /// How many transactions to wait for, and how long at most, when `count` wait already; `nil` to go ahead.
    func wait(when count: Int) -> (until: Int, within: Duration)? {
        guard lastCount > 1, count < lastCount else { return nil }
        return (lastCount, min(lastDuration / 2, BatchPace.longest))
    }

    /// Notes a batch.
    mutating func note(_ count: Int, took duration: Duration) {
        lastCount = count
        lastDuration = duration
    }
}
