internal import CairnModel
internal import Synchronization

// Deadlines.
extension Committer {
    /// What is known of the next deadline. Only read and written by whoever runs a batch.
    struct Deadlines {
        /// No lease has an earlier one, by the home's clock.
        var next: Timestamp?
        /// The time of the last batch: when the clock jumps back, the store's time waits for it.
        var lastTime: Timestamp
        /// How far the home's clock is ahead of ours.
        var offset = Duration.zero
        /// Whether more was due than fitted into the last batch.
        var isBehind = false
        /// Whether the home tells its time and the next deadline with every batch.
        var areTold = false

        init(next: Timestamp?, lastTime: Timestamp) {
            self.next = next
            self.lastTime = lastTime
        }

        mutating func note(_ deadline: Timestamp?, homeTime: Timestamp?, at now: Timestamp) {
            next = deadline
            areTold = homeTime != nil
            offset = homeTime.map { $0 - now } ?? .zero
        }
    }

    /// Whether a lease that we know of is due.
    var isSweepDue: Bool {
        let now = clock.now()
        return engine.isOnDuty
            && deadlines.withLock { state in
                guard let next = state.next else { return false }
                return next <= max(now + state.offset, state.lastTime)
            }
    }

    func noteDeadlines(_ home: (time: Timestamp, deadline: Timestamp?)?, after changes: Changes?) {
        let earliest = changes?.earliestDeadline
        let now = clock.now()
        let moved = deadlines.withLock { state in
            let before = state.next
            if let home { state.note(home.deadline, homeTime: home.time, at: now) }
            if let time = changes?.head.time { state.lastTime = time }
            if let earliest, state.next.map({ earliest < $0 }) ?? true { state.next = earliest }
            return state.next != before
        }
        if moved { tellDeadline() }
    }

    func readNextDeadline() throws(StoreError) {
        let (next, home) = try engine.read { (view) throws(StoreError) in (try view.nextDeadline(), try view.time()) }
        deadlines.withLock { $0.note(next, homeTime: home, at: clock.now()) }
        tellDeadline()
    }

    /// Tells the next deadline by our clock; nobody has to wait for it if another process sweeps.
    func tellDeadline() {
        let next = deadlines.withLock { state in state.next.map { $0 + (.zero - state.offset) } }
        deadlineMoved(engine.isOnDuty ? next : nil)
    }
}
