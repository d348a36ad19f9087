internal import CairnModel

/// Says when so many keys are live that there is to be pruned at once.
struct GrowthSignal: Sendable {
    private let engine: any Engine
    private let eagerAt: Int?
    /// One for any number of times that it was said since the last was taken.
    let news: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(engine: any Engine, eagerAt: Int?) {
        self.engine = engine
        self.eagerAt = eagerAt
        (news, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Whether anybody wants to know.
    var isNeeded: Bool { eagerAt != nil }

    /// Looks whether there are too many keys, if these events have made some.
    func note(_ events: [Event]) {
        guard let eagerAt, events.contains(where: { $0.kind == .created }), let count = engine.size.keys,
            count >= eagerAt
        else { return }
        signal.yield()
    }
}

/// Who is told of the events of each batch.
enum CommitObserver {
    /// What a committer is to call; `nil` if nobody wants to know.
    static func observer(_ keyMetrics: KeyMetricsTable?, _ growth: GrowthSignal) -> (@Sendable ([Event]) -> Void)? {
        guard keyMetrics != nil || growth.isNeeded else { return nil }
        return { events in
            keyMetrics?.note(events)
            growth.note(events)
        }
    }
}
