public import CairnModel

/// What must hold for every store when what is due has expired; tells the first promise that is broken.
///
/// `allEvents` are all that the store ever made, those that were compacted away too.
public func brokenInvariant(of image: StoreImage, allEvents: [Event]) -> String? {
    for (index, event) in allEvents.enumerated() where event.ref != Ref(Int64(index) + 1) {
        return "refs have a gap at \(event.ref)"
    }
    let byKey = Dictionary(grouping: allEvents, by: \.key)
    if Set(byKey.keys) != Set(image.records.map(\.key)) { return "records and events are of different keys" }
    for record in image.records {
        let events = byKey[record.key] ?? []
        if let what = brokenInvariant(of: record, events) { return "\(record.key): \(what)" }
        if record.isLive, let lease = image.leases.first(where: { $0.id == record.leaseID }),
            lease.isDue(at: image.time)
        {
            return "\(record.key) lives on lease \(lease.id), which has expired"
        }
    }
    return brokenTransaction(in: allEvents)
}

private func brokenInvariant(of record: Record, _ events: [Event]) -> String? {
    guard let last = events.last else { return "it has no event" }
    if record.version != Int64(events.count) { return "version \(record.version) after \(events.count) events" }
    if record != Record(after: last) { return "the record is not what its last event left" }
    if record.deletedRef.map({ $0 != record.updatedRef }) == true { return "a tombstone was updated after its end" }
    if record.updatedRef < record.createdRef { return "it was updated before it was created" }
    guard let creation = events.first(where: { $0.ref == record.createdRef }), creation.kind == .created,
        creation.version == record.createdVersion
    else { return "its created ref names no creation" }
    var isLive = false
    for (index, event) in events.enumerated() {
        if event.version != Int64(index) + 1 { return "event \(event.ref) has version \(event.version)" }
        if event.previousRef != (index == 0 ? nil : events[index - 1].ref) {
            return "event \(event.ref) misses its previous"
        }
        if (event.kind == .created) == isLive { return "event \(event.ref) is \(event.kind)" }
        if (event.value == nil) != event.kind.endsKey { return "event \(event.ref) has the wrong value" }
        isLive = !event.kind.endsKey
    }
    return nil
}

private func brokenTransaction(in events: [Event]) -> String? {
    var expected: Int32 = 0
    for event in events {
        if event.transactionIndex != expected { return "event \(event.ref) is out of its transaction's order" }
        if let before = event.ref > 1 ? events[Int(event.ref.rawValue) - 2] : nil, before.time > event.time {
            return "event \(event.ref) is dated before the one before it"
        }
        expected = event.endsTransaction ? 0 : expected + 1
    }
    return expected == 0 ? nil : "the last transaction is not whole"
}
