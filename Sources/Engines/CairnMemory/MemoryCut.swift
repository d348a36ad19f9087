package import CairnKeyspace
package import CairnModel
internal import HashTreeCollections

/// All that a memory engine held at one moment. It stays as it is while the engine goes on.
///
/// Nothing is copied for it: it shares the engine's pieces of records, leases and events, and the engine copies a piece
/// when it changes it for the first time afterwards. So a write after a cut pays for a list of pointers, one for each
/// 256 keys, and for a piece or two; and a store of which everything is changed while a cut is held takes twice the
/// memory.
package struct MemoryCut: Sendable {
    /// Where the log stood.
    package let head: Head
    /// How many batches had changed something since the engine was made.
    package let revision: Int
    let records: OrderedIndex<StoredEvent>
    let leases: OrderedIndex<Lease>
    let locks: TreeDictionary<Ref, Lock>
    let consumers: TreeDictionary<String, Consumer>
    let results: TreeDictionary<RequestID, Tables.RememberedResult>
    let log: EventLog

    /// Calls `body` with each record by key, tombstones included.
    package func forEachRecord<Failure: Error>(_ body: (Record) throws(Failure) -> Void) throws(Failure) {
        func pass(_ event: StoredEvent) throws(Failure) { try body(event.record()) }
        try records.forEach(pass)
    }

    /// Calls `body` with each stored lease, by number.
    package func forEachLease<Failure: Error>(_ body: (Lease) throws(Failure) -> Void) throws(Failure) {
        try leases.forEach(body)
    }

    /// Calls `body` with each lock, in any order.
    package func forEachLock<Failure: Error>(_ body: (Lock) throws(Failure) -> Void) throws(Failure) {
        for (_, lock) in locks { try body(lock) }
    }

    /// Calls `body` with each consumer, in any order.
    package func forEachConsumer<Failure: Error>(_ body: (Consumer) throws(Failure) -> Void) throws(Failure) {
        for (_, consumer) in consumers { try body(consumer) }
    }

    /// Calls `body` with each remembered result, in any order.
    package func forEachResult<Failure: Error>(
        _ body: (RequestID, TransactionResult, Timestamp) throws(Failure) -> Void
    ) throws(Failure) {
        for (id, remembered) in results { try body(id, remembered.result, remembered.time) }
    }

    /// Calls `body` with each event that was kept, in order.
    package func forEachEvent<Failure: Error>(_ body: (Event) throws(Failure) -> Void) throws(Failure) {
        var next = head.oldestRef
        while true {
            let events = log.events(from: next, limit: 256, bytes: .max)
            for event in events { try body(event) }
            guard let last = events.last else { return }
            next = last.ref.next
        }
    }

    /// The pieces of records, leases and events that an earlier cut doesn't share: those that were copied since.
    package func piecesNotShared(with earlier: MemoryCut) -> Int {
        records.piecesNotShared(with: earlier.records) + leases.piecesNotShared(with: earlier.leases)
            + log.piecesNotShared(with: earlier.log)
    }
}
