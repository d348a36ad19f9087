internal import CairnModel
internal import Synchronization

/// One stream's place in the log.
///
/// A watcher is *behind* until it has read the log up to what the hub has delivered; then it is *live* and gets its
/// events from the hub. It holds a bounded number of bytes: what does not fit makes it fall behind, and it reads that
/// from the log when its reader comes to it. So a slow reader costs bounded memory, loses nothing and delays nobody.
///
/// Reads that it is to be told of come to it whether it is live or not, and wait apart from the events, as they are not
/// in the log: what finds no room there is counted, and the count is told. Neither keeps the other from being
/// delivered.
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
        var accesses: AccessQueue
        /// Whether accesses come before what else there is.
        var isAccessTurn = false
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
    /// About how many bytes of accesses are delivered together.
    private static let bytesOfAccesses = 1 << 18

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
        state = Mutex(State(mode: .behind(.zero), accesses: AccessQueue(limit: pendingLimit)))
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

    /// Whether it is to be told of reads.
    var wantsAccesses: Bool { kinds.contains(.accessed) }

    /// Whether a read of one of its keys is wanted.
    func wants(_ access: KeyAccess) -> Bool { clientIDs.isEmpty || clientIDs.contains(access.clientID) }
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

    /// Takes wanted accesses, and how many are missing after them. Called without the hub's lock.
    func offer(_ accesses: [KeyAccess], missed: Int) {
        let waiter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard state.error == nil, !state.isFinished else { return nil }
            for access in accesses { state.accesses.add(access) }
            state.accesses.miss(missed)
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
            if state.isAccessTurn, let update = state.takeAccesses(bytes: Watcher.bytesOfAccesses) {
                return .deliver(update)
            }
            if !state.pending.isEmpty {
                state.isAccessTurn = true
                return .deliver(.events(state.takePending()))
            }
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
                state.isAccessTurn = true
                return .readLog(from: ref)
            }
            return state.takeAccesses(bytes: Watcher.bytesOfAccesses).map { .deliver($0) } ?? .wait
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
                        !state.hasProgress, state.accesses.isEmpty, !Task.isCancelled
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

    /// The accesses to deliver next; `nil` if there is nothing to tell of any.
    fileprivate mutating func takeAccesses(bytes: Int) -> WatchUpdate? {
        guard !accesses.isEmpty else { return nil }
        isAccessTurn = false
        let (taken, missed) = accesses.take(bytes: bytes)
        return .accesses(taken, missed: missed == 0 ? .none : .upTo(missed))
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
