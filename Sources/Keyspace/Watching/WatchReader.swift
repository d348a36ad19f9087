internal import CairnModel

/// Reads a watcher's stream: from the log while it is behind, from the hub when it is live. Leaves the hub when it is
/// dropped.
final class WatchReader: WatchSource {
    private let watcher: Watcher
    private let hub: Hub
    private let reads: ReadQueue
    private let limits: Limits

    init(_ watcher: Watcher, hub: Hub, reads: ReadQueue, limits: Limits) {
        self.watcher = watcher
        self.hub = hub
        self.reads = reads
        self.limits = limits
    }

    deinit { hub.remove(watcher) }

    func next() async throws(StoreError) -> WatchUpdate? {
        while true {
            if Task.isCancelled { throw StoreError(.cancelled, "the watch was cancelled") }
            switch watcher.step() {
            case .deliver(let update): return update
            case .finish: return nil
            case .fail(let error): throw error
            case .wait: await watcher.wait()
            case .readLog(let ref): try await readLog(from: ref)
            case .readRecords(let range):
                if let update = try await readRecords(in: range) { return update }
            }
        }
    }

    private func readLog(from ref: Ref) async throws(StoreError) {
        let limits = limits
        let events = try await reads.run { (view) throws(StoreError) in
            let head = try view.head()
            guard ref >= head.oldestRef else { throw .compacted(ref, oldest: head.oldestRef) }
            return try view.events(from: ref, limit: limits.pageEntries, bytes: limits.pageBytes)
        }
        if watcher.take(events.upToWholeTransaction(atHead: events.count < limits.pageEntries)) {
            _ = hub.attach(watcher, at: ref)
        }
    }

    private func readRecords(in range: KeyRange) async throws(StoreError) -> WatchUpdate? {
        let limits = limits
        let (records, head) = try await reads.run { (view) throws(StoreError) in
            (
                try view.records(in: range, limit: limits.pageEntries, bytes: limits.pageBytes, keysOnly: false),
                try view.head().lastRef
            )
        }
        // An engine may end a page early for its size, so only an empty page is surely the last.
        watcher.take(records, next: records.last?.key.successor, head: head)
        return records.isEmpty ? nil : .records(records, ref: head)
    }
}

extension [Event] {
    /// These events without those of a transaction whose end is missing, unless there would be none left.
    fileprivate func upToWholeTransaction(atHead: Bool) -> [Event] {
        guard let last, !last.endsTransaction else { return self }
        guard let end = lastIndex(where: \.endsTransaction) else { return self }
        return Array(self[...end])
    }
}
