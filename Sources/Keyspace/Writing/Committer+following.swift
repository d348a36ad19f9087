internal import CairnModel
internal import Logging
internal import Synchronization

// Taking notice of other processes.
extension Committer {
    /// Reads how far the log has come and what ends next, if another process may have moved it.
    func followIfNeeded(always: Bool) throws(StoreError) {
        guard always || engine.mayHaveForeignChanges(since: hub.head) else { return }
        let (home, next) = try engine.read { (view) throws(StoreError) in
            let head = try view.head()
            try checkContinuity(in: view, head)
            hub.note(foreignUpTo: head.lastRef, thenOwn: nil)
            // From the same view: the events are what most of this is for.
            try hub.readForeign(from: view)
            return (try view.time(), try view.nextDeadline())
        }
        deadlines.withLock { $0.note(next, homeTime: home, at: clock.now()) }
        // What is due is swept right after this; the sweeper must hear of it if that fails, not before.
        if !isSweepDue { tellDeadline() }
    }

    /// Reads the events that were noted by their ref alone. If that fails the watchers read them themselves.
    func readForeign() {
        guard hub.hasForeign else { return }
        do throws(StoreError) {
            try engine.read { (view) throws(StoreError) in try hub.readForeign(from: view) }
        } catch {
            logger.debug("watchers read the log themselves", metadata: ["error": "\(error)"])
        }
    }

    /// Throws unless the log still has what we know it had. The home says when that may be in doubt.
    func checkContinuity(in view: any EngineView, _ head: Head) throws(StoreError) {
        let known = hub.head
        guard head.lastRef >= known else { throw .logWentBack(from: known, head: head.lastRef) }
        let now = engine.continuity
        guard now != continuity.load(ordering: .relaxed) else { return }
        if let mark = hub.mark, try !view.has(mark, head) { throw .logWentBack(from: known, head: head.lastRef) }
        continuity.store(now, ordering: .relaxed)
    }

    /// Ends the streams, and goes on with the log as it is now.
    func restart(_ error: StoreError) {
        var told = error
        told.retry = .never
        hub.restart(at: error.headRef ?? .zero, told)
        continuity.store(engine.continuity, ordering: .relaxed)
    }
}

extension EngineView {
    /// Whether the log has this event, or has dropped it by compaction, as far as it can tell.
    func has(_ mark: EventMark, _ head: Head) throws(StoreError) -> Bool {
        guard mark.ref >= head.oldestRef else { return true }
        guard mark.ref <= head.lastRef else { return false }
        return try events(from: mark.ref, limit: 1, bytes: 1).first.map { EventMark($0) } == mark
    }
}

extension StoreError {
    /// The log has lost events.
    static func logWentBack(from known: Ref, head: Ref, retry: StoreError.Retry = .safe) -> StoreError {
        StoreError(
            .logWentBack,
            "the log had come to event \(known), and the database has lost some of its events: it ends at \(head) now. "
                + "Nothing was changed by this call. Find out what was lost (a fail-over to an asynchronous replica, a "
                + "restored backup?); then read the state anew, and watch from there",
            ref: known, headRef: head, retry: retry)
    }
}
