internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire

/// A stream of a server's events that goes on by itself after a broken connection.
final class RemoteWatch: WatchSource, @unchecked Sendable {
    // Unchecked, because only the one task that reads the stream (`open` before `next`) touches the variables.
    private typealias Responses = RPCResponseStream<Cairn_V1_WatchResponse>

    private let request: WatchRequest
    private let calls: CallRunner
    private var responses: Responses.AsyncIterator?
    /// The number of `responses` among the client's streams.
    private var number: Int?
    /// Where to go on, once that is known.
    private var position: Ref?
    /// The last event that came, to make sure that it is the same log where the stream goes on.
    private var seen: EventMark?
    /// The log's end when the stream was first opened, for streams that end there.
    private var last: Ref?
    /// Whether records have come and the first `progress` has not.
    private var isAmongRecords = false
    private var isFinished = false
    private var failures = 0
    private var waiting: [WatchUpdate] = []

    init(_ request: WatchRequest, calls: CallRunner) {
        self.request = request
        self.calls = calls
    }

    deinit { drop() }

    /// Opens the stream; returns when its start is fixed.
    func open() async throws(StoreError) {
        while true {
            do throws(StoreError) {
                return try await openOnce()
            } catch {
                try await waitToReopen(after: error, attempts: calls.configuration.attempts)
            }
        }
    }

    func next() async throws(StoreError) -> WatchUpdate? {
        while true {
            if !waiting.isEmpty { return note(waiting.removeFirst()) }
            if isFinished { return nil }
            do throws(StoreError) {
                if responses == nil {
                    try await openOnce()
                    // What it brought comes first.
                    continue
                }
                if let response = try await nextResponse() {
                    failures = 0
                    waiting = wanted(response.updates)
                } else if request.untilHead {
                    isFinished = true
                } else {
                    throw StoreError(.unavailable, "the server ended the stream", retry: .safe)
                }
            } catch {
                drop()
                try await waitToReopen(after: error, attempts: .max)
            }
        }
    }

    private func openOnce() async throws(StoreError) {
        var request = request
        if let position { request.start = .ref(position) }
        if let seen { request.seen = seen }
        do {
            let stream: Responses = try calls.rpc.serverStreaming(
                "cairn.v1.Log/Watch", request.wire,
                options: RPCCallOptions(metadata: calls.configuration.metadata))
            drop()
            number = try calls.streams.add { stream.cancel() }
            responses = stream.makeAsyncIterator()
        } catch {
            throw StoreError(call: error)
        }
        guard let first = try await nextResponse(), first.hasOpenedAtRef else { throw .malformedAnswer }
        let head = Ref(first.openedAtRef)
        let isFirst = last == nil
        if isFirst { last = head }
        // From now on it is known where to resume, even before the first event.
        if position == nil, case .now = self.request.start { position = head.next }
        waiting = wanted(first.updates)
        // Reads are told live or not at all. What the log has is read from where the stream ended.
        if !isFirst, request.wantsAccesses { waiting.insert(.accesses([], missed: .unknown), at: 0) }
    }

    /// The updates without what lies beyond the end of a stream that has one: after it was opened again, the log may
    /// be longer.
    private func wanted(_ updates: [WatchUpdate]) -> [WatchUpdate] {
        guard request.untilHead, let last else { return updates }
        return updates.compactMap { update in
            switch update {
            case .records, .accesses: return update
            case .events(let events):
                let events = events.filter { $0.ref <= last }
                return events.isEmpty ? nil : .events(events)
            case .progress(let ref): return .progress(min(ref, last))
            }
        }
    }

    /// Lets go of the stream, which gives the call up if it isn't over.
    private func drop() {
        if let number { calls.streams.remove(number) }
        number = nil
        responses = nil
    }

    private func nextResponse() async throws(StoreError) -> Cairn_V1_WatchResponse? {
        do {
            return try await responses?.next()
        } catch {
            throw StoreError(call: error)
        }
    }

    /// Notes how far the stream has come with this update.
    private func note(_ update: WatchUpdate) -> WatchUpdate {
        switch update {
        case .records:
            isAmongRecords = true
        case .events(let events):
            if let last = events.last {
                if !isAmongRecords { position = last.ref.next }
                seen = EventMark(last)
            }
        case .progress(let ref):
            isAmongRecords = false
            position = max(position ?? .zero, ref.next)
        case .accesses: break
        }
        if isAmongRecords { position = nil }
        return update
    }

    /// Waits before the stream is opened again; throws `error` if that makes no sense.
    private func waitToReopen(after error: StoreError, attempts: Int) async throws(StoreError) {
        failures += 1
        guard !calls.streams.isClosed else { throw .clientClosed }
        guard failures < attempts, !Task.isCancelled, error.mayRepeat(isSafe: true) else { throw error }
        try await calls.wait(after: failures, until: nil, or: error)
    }
}

extension Cairn_V1_WatchResponse {
    fileprivate var updates: [WatchUpdate] {
        var updates: [WatchUpdate] = []
        if !records.isEmpty { updates.append(.records(records.map(Record.init(wire:)), ref: Ref(recordsRef))) }
        if !events.isEmpty { updates.append(.events(events.map(Event.init(wire:)))) }
        if !accesses.isEmpty || missedAccesses != 0 {
            updates.append(
                .accesses(accesses.map(KeyAccess.init(wire:)), missed: MissedAccesses(wire: missedAccesses)))
        }
        if hasProgressRef { updates.append(.progress(Ref(progressRef))) }
        return updates
    }
}
