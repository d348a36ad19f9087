internal import CairnModel
internal import Synchronization

/// One stream's place in the log.
///
/// A watcher is *behind* until it has read the log up to what the hub has delivered; then it is *live* and gets its
/// events from the hub. It holds a bounded number of bytes: what does not fit makes it fall behind, and it reads that
/// from the log when its reader comes to it. So a slow reader costs bounded memory, loses nothing and delays nobody.
final class Watcher: Sendable {
    /// What the reader has to do for its next update.
    enum Step: Sendable {
        case deliver(WatchUpdate)
        case readRecords(KeyRange)
        case readLog(from: Ref)
        case wait
        case finish
        case fail(StoreError)
    }

    fileprivate enum Mode {
        /// The log has to be read from here.
        case behind(Ref)
        /// The hub offers what comes; events before this one were read from the log.
        case live(Ref)
    }

    fileprivate struct State {
        var mode: Mode
        var records: RecordPhase?
        var pending: [Event] = []
        var pendingBytes = 0
        /// A progress to report once `pending` is delivered.
        var progress: Ref?
        var reported = Ref.zero
        /// Whether the stream is new, so that its first catching up is told even if nothing was missed, or all of it
        /// was delivered.
        var mustReport = true
        var scannedSinceReport = 0
        var finishAfter: Ref?
        var isFinished = false
        var error: StoreError?
        var waiter: UnsafeContinuation<Void, Never>?
    }

    /// Without a wanted event for as many events, a reader of the log is told how far it has come.
    private static let scannedPerReport = 10_000

    /// The keys that are wanted, in ranges that don't overlap, in order.
    let ranges: [KeyRange]
    private let kinds: Set<Event.Kind>
    private let clientIDs: Set<String>
    private let pendingLimit: Int
    private let state: Mutex<State>

    init(_ request: WatchRequest, pendingLimit: Int = 1 << 20) {
        ranges = request.ranges.disjoint
        kinds = request.kinds
        clientIDs = request.clientIDs
        self.pendingLimit = pendingLimit
        state = Mutex(State(mode: .behind(.zero)))
    }

    /// Says where to start. Called once, before the first ``step()``.
    func start(at ref: Ref, withRecords: Bool, finishAfter last: Ref?) {
        state.withLock { state in
            state.mode = .behind(ref)
            state.records = withRecords ? RecordPhase(ranges: ranges) : nil
            state.finishAfter = last
        }
    }

    /// About how many bytes of events it holds for its reader.
    var pendingBytes: Int { state.withLock { $0.pendingBytes } }

    /// Whether it has to read the log, and the last event before those that it has still to give to its reader;
    /// `delivered` if there are none, or it isn't known yet where it starts.
    func place(ifUpToDate delivered: Ref) -> (isBehind: Bool, given: Ref) {
        state.withLock { state in
            let next = state.pending.first?.ref.previous
            switch state.mode {
            case .behind(.zero): return (true, next ?? delivered)
            case .behind(let ref): return (true, next ?? ref.previous)
            case .live: return (false, next ?? delivered)
            }
        }
    }

    /// Whether an event of one of its keys is wanted.
    func wants(_ event: Event) -> Bool {
        (kinds.isEmpty || kinds.contains(event.kind)) && (clientIDs.isEmpty || clientIDs.contains(event.clientID))
    }
}

// The hub's side. Called with the hub's lock held.
extension Watcher {
    /// Takes wanted events, or falls behind.
    func offer(_ events: [Event]) {
        let waiter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard case .live(let first) = state.mode else { return nil }
            for event in events where event.ref >= first {
                if state.records?.reflects(event) == true { continue }
                let bytes = event.footprint
                if state.pendingBytes + bytes > pendingLimit, !state.pending.isEmpty {
                    state.fallBehind(from: state.pending.removeIncompleteTransaction(before: event))
                    break
                }
                state.pending.append(event)
                state.pendingBytes += bytes
            }
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    /// Tells that everything up to `ref` has been offered; the reader hears of it after what it has still to read.
    func offer(progress ref: Ref) {
        let waiter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard case .live = state.mode, ref > state.reported else { return nil }
            state.progress = ref
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    /// Makes the watcher read the log from `ref` on, if it was live.
    func fallBehind(from ref: Ref) {
        let waiter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard case .live(let first) = state.mode else { return nil }
            state.fallBehind(from: max(first, ref))
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    /// Makes the watcher live; the log was read up to `delivered` at least.
    func becomeLive(caughtUpWith delivered: Ref) {
        state.withLock { state in
            guard case .behind(let position) = state.mode else { return }
            state.mode = .live(position)
            state.progress = max(delivered, position.previous)
        }
    }

    func end(with error: StoreError?) {
        let waiter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            if let error { state.error = error } else { state.isFinished = true }
            return state.takeWaiter()
        }
        waiter?.resume()
    }
}

// The reader's side.
extension Watcher {
    /// What to do next.
    func step() -> Step {
        state.withLock { state in
            if let error = state.error { return .fail(error) }
            if let next = state.records?.next { return .readRecords(next) }
            if !state.pending.isEmpty { return .deliver(.events(state.takePending())) }
            if state.hasProgress, let progress = state.progress {
                state.progress = nil
                state.mustReport = false
                // Events may have come after it, and have been delivered: a stream never goes back.
                state.reported = max(progress, state.reported)
                return .deliver(.progress(state.reported))
            }
            if state.isFinished { return .finish }
            if case .behind(let ref) = state.mode {
                if let last = state.finishAfter, ref > last {
                    state.isFinished = true
                    return .deliver(.progress(last))
                }
                return .readLog(from: ref)
            }
            return .wait
        }
    }

    /// Takes a page of records, read when `head` was the last event.
    func take(_ records: [Record], next: Key?, head: Ref) {
        state.withLock { state in
            if state.records?.isFirst == true { state.mode = .behind(head.next) }
            state.records?.note(next: next, head: head)
        }
    }

    /// Takes what the log has from the position on. Returns whether there was nothing.
    func take(_ events: [Event]) -> Bool {
        state.withLock { state in
            guard case .behind(let position) = state.mode else { return false }
            var events = events[...]
            if let last = state.finishAfter { events = events.prefix { $0.ref <= last } }
            guard let last = events.last?.ref else {
                if let last = state.finishAfter { state.mode = .behind(max(position, last.next)) }
                return true
            }
            for event in events where wants(event) && ranges.contains(where: { $0.contains(event.key) }) {
                if state.records?.reflects(event) == true { continue }
                state.pending.append(event)
                state.pendingBytes += event.footprint
            }
            state.mode = .behind(last.next)
            state.records?.forget(upTo: last)
            state.scannedSinceReport = state.pending.isEmpty ? state.scannedSinceReport + events.count : 0
            if state.scannedSinceReport >= Watcher.scannedPerReport {
                state.scannedSinceReport = 0
                state.progress = last
            }
            return false
        }
    }

    /// Waits until there is something to do.
    func wait() async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
                let isReady = state.withLock { state in
                    // What came between `step` and here must not be missed.
                    guard case .live = state.mode, state.pending.isEmpty, state.error == nil, !state.isFinished,
                        !state.hasProgress, !Task.isCancelled
                    else { return true }
                    state.waiter = waiter
                    return false
                }
                if isReady { waiter.resume() }
            }
        } onCancel: {
            state.withLock { $0.takeWaiter() }?.resume()
        }
    }
}

extension Watcher.State {
    /// Whether there is a progress to tell.
    fileprivate var hasProgress: Bool {
        guard let progress else { return false }
        return progress > reported || mustReport
    }

    fileprivate mutating func takeWaiter() -> UnsafeContinuation<Void, Never>? {
        defer { waiter = nil }
        return waiter
    }

    fileprivate mutating func takePending() -> [Event] {
        defer {
            pending = []
            pendingBytes = 0
        }
        reported = max(reported, pending.last?.ref ?? .zero)
        return pending
    }

    fileprivate mutating func fallBehind(from ref: Ref) {
        mode = .behind(ref)
        pendingBytes = pending.reduce(0) { $0 + $1.footprint }
    }
}

extension [Event] {
    /// Removes the events of the transaction that `event` belongs to, unless there are no others, so that they are read
    /// again together. Returns the ref to read from.
    fileprivate mutating func removeIncompleteTransaction(before event: Event) -> Ref {
        let first = Ref(event.ref.rawValue - Int64(event.transactionIndex))
        guard let kept = firstIndex(where: { $0.ref >= first }), kept > 0 else { return event.ref }
        removeSubrange(kept...)
        return first
    }
}

extension Event {
    /// About what the event takes in memory, in bytes.
    package var footprint: Int { 160 + key.bytes.count + (value?.bytes.count ?? 0) }
}
