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
    if let what = brokenLock(in: image) { return what }
    return brokenTransaction(in: allEvents)
}

private func brokenLock(in image: StoreImage) -> String? {
    let locks = Dictionary(uniqueKeysWithValues: image.locks.map { ($0.token, $0) })
    for record in image.records where record.lockToken != .zero {
        if !record.isLive { return "\(record.key) has ended and is locked" }
        guard let lock = locks[record.lockToken] else { return "\(record.key) tells a lock that isn't there" }
        if lock.key != record.key { return "the lock of \(record.key) is on \(lock.key)" }
        if lock.isDue(at: image.time) { return "the lock on \(record.key) is past its deadline" }
    }
    let held = Set(image.records.map(\.lockToken))
    return image.locks.first { !held.contains($0.token) }.map { "nothing is under the lock \($0.token)" }
}

private func brokenInvariant(of record: Record, _ events: [Event]) -> String? {
    guard let last = events.last else { return "it has no event" }
    let changes = events.count { !$0.kind.isOfLock }
    if record.version != Int64(changes) { return "version \(record.version) after \(changes) changes" }
    if record != Record(after: last) { return "the record is not what its last event left" }
    if record.deletedRef.map({ $0 != record.updatedRef }) == true { return "a tombstone was updated after its end" }
    if record.updatedRef < record.createdRef { return "it was updated before it was created" }
    guard let creation = events.first(where: { $0.ref == record.createdRef }), creation.kind == .created,
        creation.version == record.createdVersion
    else { return "its created ref names no creation" }
    var isLive = false
    var version: Int64 = 0
    for (index, event) in events.enumerated() {
        if !event.kind.isOfLock { version += 1 }
        if event.version != version { return "event \(event.ref) has version \(event.version)" }
        if event.previousRef != (index == 0 ? nil : events[index - 1].ref) {
            return "event \(event.ref) misses its previous"
        }
        if (event.kind == .created) == isLive { return "event \(event.ref) is \(event.kind)" }
        if event.kind == .locked, event.lockToken == .zero || event.lockToken > event.ref {
            return "event \(event.ref) has no token"
        }
        if event.kind == .unlocked || event.kind.endsKey, event.lockToken != .zero {
            return "event \(event.ref) leaves a lock"
        }
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
