/// How ``Store/consume(_:range:kinds:options:handler:)`` behaves.
public struct ConsumeOptions: Sendable {
    /// Where to go on when the events that come next are not there to be read.
    public enum Place: Hashable, Sendable {
        /// With the oldest event that is kept.
        case oldest
        /// With the first event after now.
        case now
    }

    /// Where a consumer starts that the store doesn't know yet.
    public var start = Place.oldest
    /// Where to go on when the log was compacted past the cursor, so that events were missed; `nil` throws
    /// ``StoreError/Code/compacted``.
    public var afterCompaction: Place?
    /// The most events to handle before the cursor is moved. It is also moved whenever nothing more is at hand, so
    /// a larger number saves writes when there is much to do and delays nothing when there is little.
    public var acknowledgeEvery = 1
    /// Whether the cursor moves on when others write and no event concerns this consumer. Costs a write a second at
    /// most, and saves a consumer of rare events from being left behind by compaction.
    public var acknowledgesProgress = true
    /// How long to wait after a first failure. Doubled with each further failure, and shortened at random by up to a
    /// half.
    public var firstBackoff = Duration.milliseconds(100)
    /// The longest wait after a failure.
    public var longestBackoff = Duration.seconds(30)
    /// Told of each failure, with the event whose handling failed if it was that, and how long the wait will be.
    public var onFailure: @Sendable (any Error, Event?, Duration) -> Void = { _, _, _ in }
    /// Waits. Replaced by tests.
    public var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    /// A random number from 0 to 1. Replaced by tests.
    public var random: @Sendable () -> Double = { Double.random(in: 0...1) }

    /// The options of a consumer that sets none.
    public init() {}
}

extension Store {
    /// Calls `handler` with each event of a range, for ever, and keeps the place as the consumer `name`.
    ///
    /// Each event is handled at least once, in the order of the log: when the process ends between handling and
    /// acknowledging, it is handled again by whoever consumes under the name next. So a handler must bear repetition.
    /// When it throws, the cursor stays, and after a wait the same event is handled again; later ones wait. When the
    /// store can't be reached, it is tried again. One task at a time should consume under a name.
    ///
    /// Returns only by throwing: `CancellationError` when the task is cancelled, or a ``StoreError`` that trying again
    /// won't mend, such as ``StoreError/Code/closed``, or ``StoreError/Code/compacted`` unless
    /// ``ConsumeOptions/afterCompaction`` says where to go on, or ``StoreError/Code/invalidArgument`` for the kind
    /// ``Event/Kind/accessed``, which is not in the log.
    ///
    /// ```swift
    /// try await store.consume("mailer", range: KeyRange(prefix: "orders/"), kinds: [.created]) { event in
    ///     try await sendMail(about: event)
    /// }
    /// ```
    public func consume(
        _ name: String, range: KeyRange = .all, kinds: Set<Event.Kind> = [],
        options: ConsumeOptions = ConsumeOptions(), handler: (Event) async throws -> Void
    ) async throws {
        try kinds.checkForConsumer()
        var consumption = Consumption(store: self, name: name, options: options)
        while true {
            do {
                let start = try await consumption.findPlace()
                let stream = try await watch(WatchRequest(range: range, start: start, kinds: kinds))
                for try await update in stream {
                    try await consumption.take(update, handler)
                }
                throw StoreError(.unavailable, "the stream of consumer \"\(name)\" ended")
            } catch let error as StoreError {
                try Task.checkCancellation()
                if error.code == .compacted, let place = options.afterCompaction {
                    try await consumption.skip(to: place, after: error)
                } else if error.mayPass {
                    try await consumption.wait(after: error, event: nil)
                } else {
                    throw error
                }
            }
        }
    }
}

extension Set<Event.Kind> {
    /// Throws ``StoreError/Code/invalidArgument`` for what a consumer can't be given, as it isn't in the log.
    package func checkForConsumer() throws(StoreError) {
        guard contains(.accessed) else { return }
        throw StoreError(
            .invalidArgument, "accessed events are not in the log, so a consumer can't take them; watch for them")
    }
}

/// What one call of `consume` knows.
private struct Consumption<Home: Store> {
    let store: Home
    let name: String
    let options: ConsumeOptions
    private var failures = 0
    /// The last event that was handled, and how many have been since the cursor was moved.
    private var handled: Ref?
    private var unacknowledged = 0
    /// The cursor, as far as this call moved it.
    private var cursor = Ref.zero

    init(store: Home, name: String, options: ConsumeOptions) {
        self.store = store
        self.name = name
        self.options = options
    }

    /// Where the stream has to start. Forgets what was handled but not acknowledged: it comes again.
    mutating func findPlace() async throws -> WatchRequest.Start {
        (handled, unacknowledged) = (nil, 0)
        if let consumer = try await store.consumer(name) {
            cursor = consumer.cursor
            return .ref(cursor.next)
        }
        cursor = .zero
        guard options.start == .now else { return .ref(.zero) }
        // Acknowledged at once, so that a consumer that is interrupted before its first event still starts here.
        let head = try await store.status().headRef
        cursor = try await store.acknowledge(name, through: head).cursor
        return .ref(cursor.next)
    }

    mutating func take(_ update: WatchUpdate, _ handler: (Event) async throws -> Void) async throws {
        switch update {
        case .records, .accesses: break
        case .events(let events):
            for event in events {
                try await handle(event, handler)
                if unacknowledged >= options.acknowledgeEvery { try await acknowledge() }
            }
            try await acknowledge()
        case .progress(let ref):
            failures = 0
            guard options.acknowledgesProgress, ref > cursor else { return }
            handled = max(handled ?? .zero, ref)
            unacknowledged += 1
            try await acknowledge()
        }
    }

    /// Handles an event, as often as it takes.
    private mutating func handle(_ event: Event, _ handler: (Event) async throws -> Void) async throws {
        while true {
            do {
                try Task.checkCancellation()
                try await handler(event)
                failures = 0
                handled = event.ref
                unacknowledged += 1
                return
            } catch {
                try Task.checkCancellation()
                // What went well must not be done again because of what did not.
                try await acknowledge()
                try await wait(after: error, event: event)
            }
        }
    }

    private mutating func acknowledge() async throws {
        guard unacknowledged > 0, let handled else { return }
        cursor = try await store.acknowledge(name, through: handled).cursor
        unacknowledged = 0
    }

    /// Moves the cursor over events that are gone.
    mutating func skip(to place: ConsumeOptions.Place, after error: StoreError) async throws {
        do throws(StoreError) {
            let status = try await store.status()
            let cursor = place == .now ? status.headRef : status.oldestRef.previous
            _ = try await store.commit(Transaction(then: [.resetConsumer(name, to: cursor)]))
        } catch {
            // Compacted again in the meantime, or out of reach: the next round finds out.
            guard error.mayPass || error.code == .compacted else { throw error }
            try await wait(after: error, event: nil)
        }
    }

    /// Waits before the next try, longer each time.
    mutating func wait(after error: any Error, event: Event?) async throws {
        let factor = Double(1 << min(failures, 30))
        failures += 1
        let whole = min(options.firstBackoff * factor, options.longestBackoff)
        let delay = whole * (1 - options.random() / 2)
        options.onFailure(error, event, delay)
        try await options.sleep(delay)
    }
}

extension StoreError {
    /// Whether the same may work a while later, without anybody changing the request.
    fileprivate var mayPass: Bool {
        let passing: Set<Code> = [
            .unavailable, .overloaded, .deadlineExceeded, .storageBusy, .storageFull, .storageFailed, .cancelled,
        ]
        return retry != .never || passing.contains(code)
    }
}
