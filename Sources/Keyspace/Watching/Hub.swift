internal import CairnModel
internal import Synchronization

/// Hands each event to the watchers whose range it falls in.
///
/// Two steps, so that watching never delays a write: ``note(_:thenOwn:)`` moves the committed head before the callers
/// of a batch are answered, so that a watch opened after an answer starts after that write; ``deliver()`` then takes
/// the events to the watchers. A watcher that is not up to date, or doesn't read what it gets, reads the log instead
/// (see ``Watcher``).
///
/// Lock order: the hub's before a watcher's. Only whoever runs a batch calls `foreignEvents`, `note` and `deliver`.
final class Hub: Sendable {
    /// What another process has committed since we last looked.
    enum Foreign: Sendable {
        case none
        case events([Event])
        /// Too many to carry; watchers read them from the log.
        case gap(to: Ref)
    }

    /// More foreign events than this are left to the log.
    private static let foreignEvents = 10_000

    private struct State {
        /// The last event that is committed, as far as this process knows.
        var committed: Ref
        /// The last event that was taken to the watchers.
        var delivered: Ref
        var undelivered: [Foreign] = []
        var index = WatchIndex()
        var isClosed = false
    }

    private let state: Mutex<State>

    init(head: Ref) { state = Mutex(State(committed: head, delivered: head)) }

    /// The last event that is committed, as far as this process knows.
    var head: Ref { state.withLock { $0.committed } }

    /// How many watchers there are.
    var watcherCount: Int { state.withLock { $0.index.count } }

    /// The events that `view` has beyond those that were noted.
    func foreignEvents(in view: any EngineView) throws(StoreError) -> Foreign {
        let last = try view.head().lastRef
        let known = head
        guard last > known else { return .none }
        guard last.rawValue - known.rawValue <= Int64(Hub.foreignEvents) else { return .gap(to: last) }
        var events: [Event] = []
        while (events.last?.ref ?? known) < last {
            let more = try view.events(
                from: (events.last?.ref ?? known).next, limit: Hub.foreignEvents, bytes: 8 << 20)
            if more.isEmpty { return .gap(to: last) }
            events += more
        }
        return .events(events)
    }

    /// Moves the committed head; the events are delivered later.
    func note(_ foreign: Foreign, thenOwn changes: Changes?) {
        state.withLock { state in
            switch foreign {
            case .none: break
            case .events(let events): state.committed = events.last?.ref ?? state.committed
            case .gap(let ref): state.committed = ref
            }
            if case .none = foreign {} else { state.undelivered.append(foreign) }
            guard let events = changes?.events, let last = events.last else { return }
            state.committed = last.ref
            state.undelivered.append(.events(events))
        }
    }

    /// Takes what was noted to the watchers.
    func deliver() {
        state.withLock { state in
            for batch in state.undelivered {
                switch batch {
                case .none: break
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

    /// Gives each watcher all its events of a batch at once, so that it never sees part of a transaction.
    private static func distribute(_ events: [Event], by index: inout WatchIndex) {
        var shares: [ObjectIdentifier: (watcher: Watcher, events: [Event])] = [:]
        for event in events {
            index.forEachWatcher(of: event.key) { watcher in
                guard watcher.wants(event.kind) else { return }
                shares[ObjectIdentifier(watcher), default: (watcher, [])].events.append(event)
            }
        }
        for share in shares.values { share.watcher.offer(share.events) }
    }

    /// Adds a watcher, which then gets what is committed from now on. Returns the last event before that.
    func add(_ watcher: Watcher) throws(StoreError) -> Ref {
        let head = state.withLock { (state) -> Ref? in
            guard !state.isClosed else { return nil }
            state.index.insert(watcher)
            return state.committed
        }
        guard let head else { throw .closed }
        return head
    }

    /// Removes a watcher.
    func remove(_ watcher: Watcher) {
        state.withLock { $0.index.remove(watcher) }
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
        for watcher in watchers { watcher.end(with: .closed) }
    }
}
