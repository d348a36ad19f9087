/// Which events to stream, and from where.
public struct WatchRequest: Hashable, Sendable {
    /// Where a stream starts.
    public enum Start: Hashable, Sendable {
        /// With the first event after the stream was opened.
        case now
        /// With this event. ``Ref/zero`` means the oldest that is kept; one past the last means from now.
        case ref(Ref)
        /// With the records that are live now, followed by every event after them.
        case current
    }

    /// The keys whose events are wanted: those in any of these ranges, which may overlap. At least one, and at most
    /// ``Limits/watchFilters``.
    public var ranges: [KeyRange]
    /// Where to start.
    public var start: Start
    /// The kinds that are wanted; empty for all that are in the log. ``Event/Kind/accessed`` has to be asked for by
    /// name.
    public var kinds: Set<Event.Kind>
    /// The clients whose events are wanted, by the ids that they go by; empty for all. Nobody's events, such as
    /// expiries, are those of the empty id. At most ``Limits/watchFilters``.
    public var clientIDs: Set<String>
    /// Whether the stream ends when it has delivered what was in the log when it was opened.
    public var untilHead: Bool
    /// An event that the reader has seen. If the log still goes back so far and has another event in its place, or
    /// none, the stream fails with ``StoreError/Code/logWentBack``: a database that has failed over may give a ref
    /// again.
    public var seen: EventMark?

    /// The events of `range`.
    public init(
        range: KeyRange, start: Start = .now, kinds: Set<Event.Kind> = [], clientIDs: Set<String> = [],
        untilHead: Bool = false, seen: EventMark? = nil
    ) {
        self.init(
            ranges: [range], start: start, kinds: kinds, clientIDs: clientIDs, untilHead: untilHead, seen: seen)
    }

    /// The events of several ranges.
    public init(
        ranges: [KeyRange], start: Start = .now, kinds: Set<Event.Kind> = [], clientIDs: Set<String> = [],
        untilHead: Bool = false, seen: EventMark? = nil
    ) {
        self.ranges = ranges
        self.start = start
        self.kinds = kinds
        self.clientIDs = clientIDs
        self.untilHead = untilHead
        self.seen = seen
    }
}

extension WatchRequest {
    /// Whether a key is in one of the ranges.
    public func contains(_ key: Key) -> Bool { ranges.contains { $0.contains(key) } }

    /// Whether an event is among those that are asked for, wherever in the log it is.
    public func wants(_ event: Event) -> Bool {
        (kinds.isEmpty || kinds.contains(event.kind)) && (clientIDs.isEmpty || clientIDs.contains(event.clientID))
            && contains(event.key)
    }
}

/// An event, by what tells it from any other that might have its ref in another course of events.
public struct EventMark: Hashable, Sendable {
    /// The event's ref.
    public var ref: Ref
    /// When it happened.
    public var time: Timestamp

    /// The event with this ref that happened then.
    public init(ref: Ref, time: Timestamp) {
        self.ref = ref
        self.time = time
    }

    /// The mark of an event.
    public init(_ event: Event) { self.init(ref: event.ref, time: event.time) }
}

/// What a stream delivers. Updates come in the order of the log, and nothing is left out or comes twice; but for
/// `accesses`, which are not of the log.
public enum WatchUpdate: Hashable, Sendable {
    /// Records that are live as of `ref`, a page of them, in order; only for ``WatchRequest/Start/current``. The last
    /// page is followed by `progress`.
    case records([Record], ref: Ref)
    /// Events with ascending refs. Events of one transaction come together unless they are larger than
    /// ``Limits/pageBytes``; ``Event/endsTransaction`` tells.
    case events([Event])
    /// Every wanted event up to and including this ref has been delivered: a cursor may move here although no event of
    /// the range has this ref. Sent when the stream has caught up, and from time to time while others write.
    case progress(Ref)
    /// Values that were read, in order; only if ``Event/Kind/accessed`` is asked for. They say nothing of how far the
    /// stream has come: a read may be told before or after an event that was committed before it. `missed` came after
    /// the last of them and before those of the next such update.
    case accesses([KeyAccess], missed: MissedAccesses)
}

/// A stream of events. One task at a time may read it; cancelling that task, or dropping the stream, ends it and
/// frees what it holds.
///
/// Reading slowly costs the store bounded memory and delays nobody: what does not fit is read from the log again. Fails
/// with ``StoreError/Code/compacted`` when the log is compacted past the reader.
public struct WatchStream: AsyncSequence, Sendable {
    /// What the stream delivers.
    public typealias Element = WatchUpdate
    /// What ends the stream early.
    public typealias Failure = StoreError

    private let source: any WatchSource

    /// A stream that takes its updates from `source`, and cancels it when the last copy of the stream is gone.
    public init(_ source: any WatchSource) { self.source = source }

    /// The one iterator.
    public func makeAsyncIterator() -> Iterator { Iterator(source: source) }

    /// Reads the stream.
    public struct Iterator: AsyncIteratorProtocol {
        /// What the stream delivers.
        public typealias Element = WatchUpdate
        /// What ends the stream early.
        public typealias Failure = StoreError

        fileprivate let source: any WatchSource

        /// The next update, or `nil` at the end.
        public mutating func next() async throws(StoreError) -> WatchUpdate? {
            try await source.next()
        }

        /// The next update, or `nil` at the end.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(StoreError) -> WatchUpdate? {
            try await source.next()
        }
    }
}

/// Where a ``WatchStream`` takes its updates from. Frees what it holds when it is deinitialised.
public protocol WatchSource: AnyObject, Sendable {
    /// The next update, or `nil` at the end. Called by one task at a time; throws ``StoreError/Code/cancelled`` when
    /// that task is cancelled.
    func next() async throws(StoreError) -> WatchUpdate?
}
