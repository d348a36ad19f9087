internal import CairnModel

/// Reads what keys were, back along the log: each event names the one before it of the same key.
struct RevisionReader {
    let view: any EngineView
    let head: Head

    init(_ view: any EngineView) throws(StoreError) {
        self.view = view
        head = try view.head()
    }

    /// The last state of a key that `clientID` may read, tombstones included.
    func lastState(of key: Key, for clientID: String) throws(StoreError) -> Record? {
        guard let record = try view.records([key])[key] else { return nil }
        if record.isLive, record.lockToken != .zero { _ = try view.readableRecord(key, by: clientID) }
        return record
    }

    /// The state that a key had with a version.
    ///
    /// Locking leaves the version as it is, so what made it is the first event with that version. If only later ones
    /// are kept, they tell the state, but not who made it and when.
    func state(_ version: Int64, from last: Record) throws(StoreError) -> KeyRevision? {
        var found = last.version == version ? KeyRevision(last) : nil
        var next: Ref? = last.updatedRef
        while let ref = next, let event = try event(ref), event.version >= version {
            if event.version == version {
                if !event.kind.isOfLock { return KeyRevision(event) }
                found = KeyRevision(Record(after: event))
            }
            next = event.previousRef
        }
        guard let found else { throw .compacted(next ?? .zero, oldest: head.oldestRef) }
        return found
    }

    /// The states of these keys right after an event, by key; those that were never set by then are left out.
    ///
    /// Goes back for all of them together, a step at a time.
    func states(_ records: [Record], asOf ref: Ref) throws(StoreError) -> [Key: KeyRevision] {
        var found: [Key: KeyRevision] = [:]
        let current = records.filter { $0.updatedRef <= ref }
        let values = try view.records(current.filter(\.isLive).map(\.key))
        for record in current { found[record.key] = KeyRevision(values[record.key] ?? record) }
        var sought = records.filter { $0.updatedRef > ref && $0.isOlder(than: ref) }.map(\.updatedRef)
        while !sought.isEmpty {
            let events = try view.events(sought)
            var before: [Ref] = []
            for place in sought {
                guard place >= head.oldestRef, let event = events[place] else {
                    throw .compacted(place, oldest: head.oldestRef)
                }
                if event.ref <= ref {
                    found[event.key] = KeyRevision(event)
                } else if let previous = event.previousRef {
                    before.append(previous)
                }
            }
            sought = before
        }
        return found
    }

    /// States of a key from an event on, newest first, with versions in `visible`.
    func page(
        from start: Ref, last: Record, visible: ClosedRange<Int64>, limit: Int
    ) throws(StoreError) -> HistoryPage {
        var page = HistoryPage(revisions: [], next: nil, isWhole: false)
        var next: Ref? = start
        while let ref = next {
            guard let event = try event(ref) else {
                // Of the current state the record tells, whatever the log keeps.
                if ref == last.updatedRef { page.revisions = [KeyRevision(last)] }
                return page
            }
            // A page is a caller's word, and must not lead to what another key was.
            guard event.key == last.key else {
                throw StoreError(.invalidArgument, "event \(ref) is not one of \(last.key); no page begins there")
            }
            if event.version < visible.lowerBound { return page }
            if !event.kind.isOfLock {
                if page.revisions.count == limit {
                    page.next = ref
                    return page
                }
                page.revisions.append(KeyRevision(event))
            }
            next = event.previousRef
        }
        page.isWhole = true
        return page
    }

    /// The event, unless it is no longer kept.
    private func event(_ ref: Ref) throws(StoreError) -> Event? {
        ref >= head.oldestRef ? try view.events([ref])[ref] : nil
    }
}

extension Record {
    /// Whether the key may have been something right after an event: it wasn't if all it ever was came later.
    fileprivate func isOlder(than ref: Ref) -> Bool { createdVersion > 1 || createdRef <= ref }
}
