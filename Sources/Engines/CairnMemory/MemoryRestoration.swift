package import CairnKeyspace
package import CairnModel

/// Puts a memory engine together again from the parts of a ``MemoryCut``.
///
/// Each part is checked against those before it, and refused with ``CairnModel/StoreError/Code/corrupted`` if no store
/// could have held it.
package struct MemoryRestoration {
    // Only this has them, until the engine does.
    private let tables = Tables()
    private let head: Head
    private var lastKey: Key?
    private var lastLease: LeaseID?
    private var nextEvent: Ref
    /// How many records tell of a lock that has not come yet.
    private var missingLocks = 0

    /// An engine to be, whose log stands at `head`.
    package init(_ head: Head) throws(StoreError) {
        guard head.lastRef >= .zero, head.oldestRef >= 1, head.oldestRef <= head.lastRef.next, head.lastLeaseID >= 0
        else { throw .impossible("its head is \(head)") }
        self.head = head
        nextEvent = head.oldestRef
        tables.restore(head)
    }

    /// Takes the record whose key comes after the last one's.
    package mutating func add(_ record: Record) throws(StoreError) {
        if let lastKey, record.key <= lastKey { throw .impossible("the key \(record.key) comes after \(lastKey)") }
        guard record.version >= 1, (1...head.lastRef.rawValue).contains(record.updatedRef.rawValue) else {
            throw .impossible("\(record.key) has version \(record.version), changed by event \(record.updatedRef)")
        }
        guard record.isLive || record.deletedRef == record.updatedRef else {
            throw .impossible("\(record.key) ended, and was changed by event \(record.updatedRef) afterwards")
        }
        lastKey = record.key
        if record.lockToken != .zero { missingLocks += 1 }
        tables.restore(record)
    }

    /// Takes the lease whose number comes after the last one's.
    package mutating func add(_ lease: Lease) throws(StoreError) {
        if let lastLease, lease.id <= lastLease { throw .impossible("lease \(lease.id) comes after \(lastLease)") }
        lastLease = lease.id
        tables.restore(lease)
    }

    /// Takes a lock, after the record of its key.
    package mutating func add(_ lock: Lock) throws(StoreError) {
        guard let record = tables.record(lock.key), record.isLive, record.lockToken == lock.token else {
            throw .impossible("the lock \(lock.token) is on \(lock.key), whose record doesn't tell of it")
        }
        missingLocks -= 1
        tables.restore(lock)
    }

    /// Takes a consumer.
    package mutating func add(_ consumer: Consumer) throws(StoreError) {
        guard consumer.cursor <= head.lastRef else {
            throw .impossible("the consumer \(consumer.name) has read up to \(consumer.cursor)")
        }
        tables.restore(consumer)
    }

    /// Takes what a request with an id was answered at `time`.
    package mutating func add(_ result: TransactionResult, of request: RequestID, at time: Timestamp) {
        tables.restore(result, of: request, at: time)
    }

    /// Takes the event that follows the last one, from the oldest that is kept.
    package mutating func add(_ event: Event) throws(StoreError) {
        guard event.ref == nextEvent, event.ref <= head.lastRef else {
            throw .impossible("event \(event.ref) is where \(nextEvent) should be")
        }
        nextEvent = event.ref.next
        guard tables.restore(event) else {
            throw .impossible("event \(event.ref) is not what the record of \(event.key) tells")
        }
    }

    /// The engine, when all has been taken.
    package consuming func finish() throws(StoreError) -> MemoryEngine {
        guard nextEvent == head.lastRef.next else {
            throw .impossible("its events end before \(nextEvent), and the last one is \(head.lastRef)")
        }
        guard missingLocks == 0 else { throw .impossible("its records tell of locks that it hasn't") }
        return MemoryEngine(tables)
    }
}

extension StoreError {
    fileprivate static func impossible(_ what: String) -> StoreError {
        StoreError(.corrupted, "what it holds can't have been a store: \(what)")
    }
}
