internal import CairnModel
internal import Synchronization

/// Hands each event to the watchers whose range it falls in.
///
/// Two steps, so that watching never delays a write: ``note(foreignUpTo:thenOwn:)`` moves the committed head before the
/// callers of a batch are answered, so that a watch opened after an answer starts after that write; ``deliver()`` then
/// takes the events to the watchers. What other processes have committed is noted by its last ref alone, and read
/// between the two, after the home's lock has been let go of. A watcher that is not up to date, or doesn't read what it
/// gets, reads the log instead (see ``Watcher``).
///
/// Lock order: the hub's before a watcher's. Only whoever runs batches calls `note`, `readForeign`, `deliver` and
/// `restart`.
final class Hub: Sendable {
    private enum Undelivered: Sendable {
        case events([Event])
        /// Of other processes, not read yet, or too many to carry; watchers read them from the log.
        case gap(to: Ref)

        var last: Ref? {
            switch self {
            case .events(let events): events.last?.ref
            case .gap(let ref): ref
            }
        }
    }

    /// More foreign events than this are left to the log.
    private static let foreignEvents = 10_000
    /// Foreign events are read in pieces of about this size.
    private static let foreignBytes = 8 << 20

    private struct State {
        /// The last event that is committed, as far as this process knows.
        var committed: Ref
        /// The last event that was taken to the watchers.
        var delivered: Ref
        var undelivered: [Undelivered] = []
        /// The last event, or one not long before it, to tell later whether the log still is the same.
        var mark: EventMark?
        var index = WatchIndex()
        var isClosed = false
    }

    private let state: Mutex<State>
    /// Tells those watchers of reads that ask for it.
    let accesses: AccessFeed

    init(head: Ref, accesses: AccessFeed = AccessFeed()) {
        state = Mutex(State(committed: head, delivered: head))
        self.accesses = accesses
    }

    /// The last event that is committed, as far as this process knows.
    var head: Ref { state.withLock { $0.committed } }

    /// How many watchers there are.
    var watcherCount: Int { state.withLock { $0.index.count } }

    /// How the watches stand.
    var watchFigures: WatchFigures {
        state.withLock { state in
            var figures = WatchFigures(count: state.index.count)
            for watcher in state.index.all {
                let (isBehind, given) = watcher.place(ifUpToDate: state.delivered)
                if isBehind { figures.behind += 1 }
                figures.longestLag = max(figures.longestLag, state.committed.rawValue - given.rawValue)
            }
            return figures
        }
    }

    /// An event that was in the log when it was last looked at, if one is remembered.
    var mark: EventMark? { state.withLock { $0.mark } }

    /// Moves the committed head to `last` for what other processes have committed, then over our own changes.
    func note(foreignUpTo last: Ref, thenOwn changes: Changes?) {
        state.withLock { state in
            if last > state.committed {
                state.committed = last
                state.undelivered.append(.gap(to: last))
            }
            guard let events = changes?.events, let last = events.last else { return }
            state.committed = last.ref
            state.mark = EventMark(last)
            state.undelivered.append(.events(events))
        }
    }

    /// Reads what other processes have committed and was noted by its last ref, so that live watchers need not read it
    /// each by itself.
    func readForeign(from view: any EngineView) throws(StoreError) {
        let (list, delivered, hasWatchers) = state.withLock { ($0.undelivered, $0.delivered, !$0.index.isEmpty) }
        var previous = delivered
        for (number, batch) in list.enumerated() {
            if case .gap(let last) = batch, let events = try read(from: view, previous.next, to: last, all: hasWatchers)
            {
                state.withLock { state in
                    if hasWatchers { state.undelivered[number] = .events(events) }
                    if let event = events.last, (state.mark?.ref ?? .zero) < event.ref {
                        state.mark = EventMark(event)
                    }
                }
            }
            previous = batch.last ?? previous
        }
    }

    /// The events from `first` to `last`, or only the last of them, unless they are too many.
    private func read(
        from view: any EngineView, _ first: Ref, to last: Ref, all: Bool
    ) throws(StoreError) -> [Event]? {
        guard all else { return try view.events(from: last, limit: 1, bytes: 1) }
        guard last.rawValue - first.rawValue < Int64(Hub.foreignEvents) else { return nil }
        var events: [Event] = []
        while (events.last?.ref.next ?? first) <= last {
            let next = events.last?.ref.next ?? first
            let more = try view.events(
                from: next, limit: Int(last.rawValue - next.rawValue) + 1, bytes: Hub.foreignBytes)
            if more.isEmpty { return nil }
            events += more
        }
        return events
    }

    /// Whether there is something to read before ``deliver()``.
    var hasForeign: Bool {
        state.withLock { state in
            state.undelivered.contains { if case .gap = $0 { true } else { false } }
        }
    }

    /// Takes what was noted to the watchers.
    func deliver() {
        state.withLock { state in
            for batch in state.undelivered {
                switch batch {
                case .gap(let ref):
                    for watcher in state.index.all { watcher.fallBehind(from: state.delivered.next) }
                    state.delivered = ref
                case .events(let events):
                    guard let last = events.last else { break }
                    if !state.index.isEmpty { Hub.distribute(events, by: &state.index) }
                    state.delivered = last.ref
                }
            }
            state.undelivered.removeAll(keepingCapacity: true)
        }
    }

    /// Ends every watcher with `error`, because what they were told is not in the log any more, and starts anew with a
    /// log whose last event is `head`.
    func restart(at head: Ref, _ error: StoreError) {
        let watchers = state.withLock { state in
            state.committed = head
            state.delivered = head
            state.undelivered = []
            state.mark = nil
            defer { state.index = WatchIndex() }
            return state.index.all
        }
        accesses.removeAll()
        for watcher in watchers { watcher.end(with: error) }
    }

    /// Gives each watcher all its events of a batch at once, so that it never sees part of a transaction.
    private static func distribute(_ events: [Event], by index: inout WatchIndex) {
        var shares: [ObjectIdentifier: (watcher: Watcher, events: [Event])] = [:]
        for event in events {
            index.forEachWatcher(of: event.key) { watcher in
                guard watcher.wants(event) else { return }
                shares[ObjectIdentifier(watcher), default: (watcher, [])].events.append(event)
            }
        }
        for share in shares.values { share.watcher.offer(share.events) }
    }

    /// Adds a watcher, which then gets what is committed from now on. Returns the last event before that.
    ///
    /// Throws ``StoreError/Code/closed``, or ``StoreError/Code/tooManyWatches`` if there are `limit` already.
    func add(_ watcher: Watcher, limit: Int? = nil) throws(StoreError) -> Ref {
        let added = state.withLock { (state) -> Result<Ref, StoreError> in
            guard !state.isClosed else { return .failure(.closed) }
            if let limit, state.index.count >= limit { return .failure(.tooManyWatches(limit)) }
            state.index.insert(watcher)
            return .success(state.committed)
        }
        let head = try added.get()
        if watcher.wantsAccesses { accesses.add(watcher) }
        return head
    }

    /// Removes a watcher.
    func remove(_ watcher: Watcher) {
        state.withLock { $0.index.remove(watcher) }
        if watcher.wantsAccesses { accesses.remove(watcher) }
    }

    /// Makes a watcher live if it has read everything up to what was delivered. Returns whether it has.
    func attach(_ watcher: Watcher, at position: Ref) -> Bool {
        state.withLock { state in
            guard position > state.delivered else { return false }
            watcher.becomeLive(caughtUpWith: state.delivered)
            return true
        }
    }

    /// Lets every live watcher know how far the log has come without an event for it.
    func reportProgress() {
        state.withLock { state in
            for watcher in state.index.all { watcher.offer(progress: state.delivered) }
        }
    }

    /// Ends every watcher and refuses new ones.
    func close() {
        let watchers = state.withLock { state in
            state.isClosed = true
            defer { state.index = WatchIndex() }
            return state.index.all
        }
        accesses.removeAll()
        for watcher in watchers { watcher.end(with: .closed) }
    }
}
