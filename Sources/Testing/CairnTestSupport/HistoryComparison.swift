public import CairnKeyspace
public import CairnModel

/// What went wrong in a random history: where it was noticed, and how to see it again.
public struct HistoryDifference: Error, CustomStringConvertible, Sendable {
    /// The history, cut after the step that made the difference.
    public let history: History
    /// What differs.
    public let what: String

    /// The seed, what differs, and the steps up to there.
    public var description: String {
        let steps = history.steps.enumerated().map { "  \($0.offset): \($0.element)" }.joined(separator: "\n")
        return "history with CAIRN_SEED=\(history.seed): \(what)\nafter\n\(steps)"
    }
}

/// Runs a history on two engines and tells the first difference in what they answer or show.
///
/// Both must be new. For an engine against the reference: `compare(engine, MemoryEngine(), seed: seed)`.
public func compare(_ a: any Engine, _ b: any Engine, seed: UInt64) throws(StoreError) -> HistoryDifference? {
    try compare(a, b, History(seed: seed))
}

/// Runs a history on two new engines and tells the first difference in what they answer or show.
public func compare(
    _ a: any Engine, _ b: any Engine, _ history: History
) throws(StoreError) -> HistoryDifference? {
    let (first, second) = (EngineDriver(a, limits: history.limits), EngineDriver(b, limits: history.limits))
    var now = History.start
    for (index, step) in history.steps.enumerated() {
        switch step {
        case .advance(let duration):
            now = now + duration
            _ = try first.engine.trim()
            _ = try second.engine.trim()
        case .batch(let transactions):
            try first.expireDue(at: now)
            try second.expireDue(at: now)
            let (mine, theirs) = (try first.commit(transactions, at: now), try second.commit(transactions, at: now))
            if mine != theirs {
                return HistoryDifference(history: history.prefix(index + 1), what: "answers differ: \(mine)\n\(theirs)")
            }
            if let what = try first.image().difference(from: second.image()) {
                return HistoryDifference(history: history.prefix(index + 1), what: what)
            }
        }
    }
    return nil
}

/// Runs a history on a new engine and on a ``PlainModel``, and tells what differs at the end, or which invariant is
/// broken.
///
/// When something does, the shortest beginning of the history that shows it is returned; `fresh` makes engines for
/// that.
public func compareWithModel(
    _ history: History, fresh: () -> any Engine
) throws(StoreError) -> HistoryDifference? {
    guard try firstDifference(history, on: fresh()) != nil else { return nil }
    for count in 1...history.steps.count {
        let shorter = history.prefix(count)
        if let what = try firstDifference(shorter, on: fresh()) {
            return HistoryDifference(history: shorter, what: what)
        }
    }
    return nil
}

private func firstDifference(_ history: History, on engine: any Engine) throws(StoreError) -> String? {
    let driver = EngineDriver(engine, limits: history.limits)
    var model = PlainModel(limits: history.limits)
    var now = History.start
    for step in history.steps {
        switch step {
        case .advance(let duration):
            now = now + duration
        case .batch(let transactions):
            try driver.expireDue(at: now)
            model.expireDue(at: now)
            for (place, answer) in try driver.commit(transactions, at: now).enumerated() {
                let expected = model.run(transactions[place], at: now)
                if PlainModel.Answer(answer) != expected {
                    return "transaction \(place) of the last batch answers\n  \(answer)\nand not\n  \(expected)"
                }
            }
        }
    }
    // A deadline may have been set to a time that has passed; the next batch expires it.
    try driver.expireDue(at: now)
    model.expireDue(at: now)
    let image = try driver.image()
    if let what = image.difference(from: StoreImage(model)) { return what }
    if driver.events != model.events { return "the events that were handed out differ" }
    return brokenInvariant(of: image, allEvents: driver.events)
}
