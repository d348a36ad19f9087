public import CairnModel

/// Reads the updates of one watch and tells the first promise of the stream that is broken.
///
/// Order, no repetition and no half transactions are seen as updates come; completeness when the log is known.
public struct StreamChecker: Sendable {
    private let request: WatchRequest
    /// The records that were shown first.
    public private(set) var records: [Record] = []
    /// Every event that was delivered.
    public private(set) var events: [Event] = []
    /// The last progress that was told.
    public private(set) var progress: Ref?
    /// What is wrong, if something is.
    public private(set) var problem: String?
    private var firstPage: Ref?
    private var shownAt: [Key: Ref] = [:]
    private var updateOf: [Ref: Int] = [:]
    private var updates = 0

    /// A checker of a stream that `request` opened.
    public init(_ request: WatchRequest) { self.request = request }

    /// The last event that the stream has come to.
    public var position: Ref { max(progress ?? .zero, events.last?.ref ?? .zero) }

    /// Takes the stream's next update.
    public mutating func take(_ update: WatchUpdate) {
        switch update {
        case .records(let page, let ref): take(page, ref)
        case .events(let batch): take(batch)
        case .progress(let ref):
            if let progress, ref < progress { note("progress goes back from \(progress) to \(ref)") }
            progress = ref
        case .accesses:
            // Of no order among the events.
            if !request.wantsAccesses { note("accesses that nobody asked for") }
        }
    }

    private mutating func take(_ page: [Record], _ ref: Ref) {
        if request.start != .current { note("records that nobody asked for") }
        if !events.isEmpty || progress != nil { note("records after events") }
        firstPage = firstPage ?? ref
        for record in page {
            if !record.isLive { note("the tombstone of \(record.key) as a record") }
            if let last = records.last, record.key <= last.key { note("\(record.key) after \(last.key)") }
            if !request.contains(record.key) { note("\(record.key) is not in the range") }
            if record.updatedRef > ref { note("\(record.key) is newer than its page") }
            records.append(record)
            shownAt[record.key] = ref
        }
    }

    private mutating func take(_ batch: [Event]) {
        if batch.isEmpty { note("an update without events") }
        for event in batch {
            if let last = events.last, event.ref <= last.ref { note("event \(event.ref) after \(last.ref)") }
            if let progress, event.ref <= progress { note("event \(event.ref) after progress \(progress)") }
            if !request.contains(event.key) { note("\(event.key) is not in the range") }
            if !request.kinds.isEmpty, !request.kinds.contains(event.kind) {
                note("a \(event.kind) that nobody asked for")
            }
            if let shown = shownAt[event.key], event.ref <= shown {
                note("event \(event.ref) was shown as a record already")
            }
            events.append(event)
            updateOf[event.ref] = updates
        }
        updates += 1
    }

    /// Tells what is missing, given every event of the log up to ``position``, or what was torn apart.
    ///
    /// Transactions larger than a page may come in pieces: say so with `wholeTransactions`.
    public mutating func finish(log: [Event], wholeTransactions: Bool) -> String? {
        let delivered = Set(events.map(\.ref))
        let missing = log.filter { event in
            event.ref >= firstWanted && event.ref <= position && request.wants(event)
                && event.ref > (shownAt[event.key] ?? .zero) && !delivered.contains(event.ref)
        }
        for event in missing {
            // A key that was gone when its page was read shows neither its record nor the events up to there.
            if request.start == .current, isConsistent(event.key, log) { continue }
            note("event \(event.ref) of \(event.key) is missing")
        }
        for event in events {
            let place = Int(event.ref.rawValue) - Int(log.first?.ref.rawValue ?? 1)
            if !log.indices.contains(place) || log[place] != event { note("event \(event.ref) is not in the log") }
        }
        if wholeTransactions { findTornTransaction() }
        return problem
    }

    private var firstWanted: Ref {
        switch request.start {
        case .now: events.first?.ref ?? position.next
        case .ref(let ref): ref
        case .current: (firstPage ?? position).next
        }
    }

    private mutating func findTornTransaction() {
        for (a, b) in zip(events, events.dropFirst()) where a.transactionStart == b.transactionStart {
            if updateOf[a.ref] != updateOf[b.ref] { note("the transaction of event \(a.ref) came in pieces") }
        }
    }

    /// Whether what is known of a key, record and events, is the state that the log gives it.
    private func isConsistent(_ key: Key, _ log: [Event]) -> Bool {
        let expected = log.last { $0.key == key && $0.ref <= position }.map { Record(after: $0) }
        let known = events.last { $0.key == key }.map { Record(after: $0) } ?? records.first { $0.key == key }
        let liveExpected = expected.flatMap { $0.isLive ? $0 : nil }
        return known.flatMap { $0.isLive ? $0 : nil } == liveExpected
    }

    private mutating func note(_ what: String) { problem = problem ?? what }
}

extension Event {
    /// The first event of its transaction.
    fileprivate var transactionStart: Int64 { ref.rawValue - Int64(transactionIndex) }
}
