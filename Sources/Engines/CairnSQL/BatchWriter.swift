internal import CairnKeyspace
internal import CairnModel

/// What the committer's thread alone uses: the writing session, and the number of its last batch.
///
/// `@unchecked Sendable`: the engine's contract says that commits and trims never run at the same time, and that
/// `close` comes after them.
final class BatchWriter<Home: ServerHome>: @unchecked Sendable {
    /// The session, unless it broke.
    var session: Home.Session?
    /// Whether the last batch failed because the database stayed away for as long as the patience lasted.
    var isAway = false
    /// How many batches were tried. Each try has a number of its own, so that what a lost one left can be told.
    var batches: Int64 = 0
    /// Events before this one are surely deleted.
    var trimmed = Ref.zero
    /// The oldest event of the log when it was last seen.
    var oldest = Ref(1)
    /// Requests from before this time are still to be forgotten, some of them; `nil` if none are.
    var forgetRequestsBefore: Timestamp?

    init(_ session: Home.Session) { self.session = session }

    func drop(_ metrics: ServerMetrics) {
        guard let session else { return }
        self.session = nil
        session.close()
        metrics.sessionClosed()
    }

    func close(_ metrics: ServerMetrics) {
        session?.rollBack()
        drop(metrics)
    }
}
