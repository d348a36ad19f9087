import CairnModel

/// Follows a log from its first event, and tells what in it can't be.
///
/// Refs have no gaps; each event fits the key's state before it; a transaction's events stand together; a key expires
/// once, and with all keys of its lease.
struct LogReplay {
    /// The last event taken.
    private(set) var head = Ref.zero
    /// The record of every key there ever was, as the log gives it.
    private(set) var records: [Key: Record] = [:]
    /// The events since ``forget()``, by the client that caused them.
    private(set) var byClient: [String: [Event]] = [:]
    /// What is wrong.
    private(set) var problems: [String] = []
    /// Leases with a deadline.
    var mortalLeases: Set<LeaseID> = []
    /// The events that are still to come of the transaction that was begun, and how many it has.
    private var left = 0
    private var count = 0

    /// The keys that live.
    var live: [Key: Record] { records.filter { $0.value.isLive } }

    /// The keys that live and must expire.
    var mortals: [Record] { records.values.filter { $0.isLive && mortalLeases.contains($0.leaseID) } }

    mutating func take(_ event: Event) {
        if event.ref != head.next { note(event, "comes after \(head)") }
        head = event.ref
        takePlaceInTransaction(event)
        takeChange(event)
        if !event.clientID.isEmpty { byClient[event.clientID, default: []].append(event) }
        if event.kind == .expired, event.endsTransaction, mortalLeases.contains(event.leaseID) {
            let others = records.values.filter { $0.isLive && $0.leaseID == event.leaseID }
            if !others.isEmpty { note(event, "expires its lease, but \(others.map(\.key)) live on it") }
        }
    }

    /// Starts anew with the events by client.
    mutating func forget() { byClient = [:] }

    /// Says what else is wrong.
    mutating func note(_ problem: String) { problems.append(problem) }

    /// Holds what was asked of the server against the events since ``forget()``.
    mutating func compare(with entries: [String: WriteLedger.Entry]) {
        for name in byClient.keys where entries[name] == nil { note("\(name) has events, and was not asked for now") }
        for (name, entry) in entries {
            let events = byClient[name] ?? []
            if entry.isMortal { mortalLeases.formUnion(events.map(\.leaseID)) }
            if !events.isEmpty, events.count != Int(events[0].transactionCount) || events.count > entry.mostEvents {
                note("\(name) has \(events.count) events")
            }
            switch entry.outcome {
            case .acknowledged(let result): compare(name, result, events)
            case .refused: if !events.isEmpty { note("\(name) was refused, and has events") }
            case .unknown: break
            }
        }
    }

    /// Holds the records of the store, as of the last event taken, against the log.
    mutating func compare(with listed: [Record]) {
        let expected = live
        for record in listed where expected[record.key] != record {
            note("\(record) is listed, and the log says \(String(describing: expected[record.key]))")
        }
        let keys = Set(listed.map(\.key))
        for key in expected.keys where !keys.contains(key) { note("\(key) is missing from the list") }
    }

    private mutating func compare(_ name: String, _ result: TransactionResult, _ events: [Event]) {
        let promised = result.results.flatMap { result -> [Record] in
            switch result {
            case .written(let record): [record]
            case .deleted(let records): records
            default: []
            }
        }
        guard promised.count == events.count else {
            return note("\(name) was acknowledged with \(promised.count) changes, and has \(events.count) events")
        }
        for (record, event) in zip(promised, events) {
            var found = Record(after: event)
            // Answers leave the value out; the log's was compared when it was taken.
            found.value = record.value
            if found != record { note("\(name) was promised \(record), and the log has \(event)") }
        }
    }

    private mutating func takePlaceInTransaction(_ event: Event) {
        if left == 0 {
            count = Int(event.transactionCount)
            left = count
        }
        if Int(event.transactionCount) != count || Int(event.transactionIndex) != count - left {
            note(
                event,
                "is \(event.transactionIndex) of \(event.transactionCount), in place \(count - left) of \(count)")
        }
        left = max(0, left - 1)
    }

    private mutating func takeChange(_ event: Event) {
        let before = records[event.key]
        let isLive = before?.isLive ?? false
        if event.version != (before?.version ?? 0) + 1 { note(event, "follows version \(before?.version ?? 0)") }
        if event.previousRef != before?.updatedRef { note(event, "follows \(String(describing: before?.updatedRef))") }
        switch event.kind {
        case .created: if isLive || event.createdRef != event.ref { note(event, "creates what lives") }
        case .updated: if !isLive || event.createdRef != before?.createdRef { note(event, "updates what doesn't live") }
        default: if !isLive || event.value != nil { note(event, "ends what doesn't live") }
        }
        records[event.key] = Record(after: event)
    }

    private mutating func note(_ event: Event, _ what: String) {
        note("event \(event.ref) (\(event.kind) \(event.key) version \(event.version)) \(what)")
    }
}

extension WriteLedger.Entry {
    /// The most events that the transaction can have made: one for each set and delete.
    fileprivate var mostEvents: Int {
        transaction.operations.count { operation in
            switch operation {
            case .set, .delete: true
            default: false
            }
        }
    }
}
