internal import CairnKeyspace
internal import CairnModel

/// Writes the entries of a chunk: records, leases, locks, consumers, results, events and metrics of keys, in the
/// form of `docs/formats/snapshot.md`.
struct EntryWriter {
    /// What was written.
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func write(_ record: Record) {
        write(record.key.bytes)
        write(record.value)
        write(record.version)
        write(record.createdVersion)
        write(record.createdRef.rawValue)
        write(record.updatedRef.rawValue)
        write(optional: record.deletedRef?.rawValue)
        write(record.leaseID.rawValue)
        write(record.lockToken.rawValue)
    }

    mutating func write(_ event: Event) {
        write(event.ref.rawValue)
        write(Int64(event.kind.rawValue))
        write(event.key.bytes)
        write(event.version)
        bytes.append(event.value == nil ? 0 : 1)
        if let value = event.value { write(value) }
        write(event.leaseID.rawValue)
        write(event.createdRef.rawValue)
        write(event.createdVersion)
        write(optional: event.previousRef?.rawValue)
        write(event.time.rawValue)
        write(Array(event.clientID.utf8))
        write(Int64(event.transactionIndex))
        write(Int64(event.transactionCount))
        write(event.lockToken.rawValue)
    }

    mutating func write(_ lease: Lease) {
        write(lease.id.rawValue)
        write(optional: lease.deadline?.rawValue)
        write(optional: lease.duration?.components.seconds)
        if let duration = lease.duration { write(duration.components.attoseconds) }
        bytes.append(lease.isGranted ? 1 : 0)
    }

    mutating func write(_ lock: Lock) {
        write(lock.token.rawValue)
        write(lock.key.bytes)
        write(Array(lock.owner.utf8))
        write(Int64(lock.mode.rawValue))
        write(lock.deadline.rawValue)
        write(lock.duration.microseconds)
    }

    mutating func write(_ consumer: Consumer) {
        write(Array(consumer.name.utf8))
        write(consumer.cursor.rawValue)
        write(consumer.updatedAt.rawValue)
    }

    mutating func write(_ result: TransactionResult, of request: RequestID, at time: Timestamp) {
        write(request.bytes)
        write(time.rawValue)
        write(Array(StoredResult.encode(result).utf8))
    }

    mutating func write(_ metrics: KeyMetrics, of key: Key) {
        write(key.bytes)
        for activity in [metrics.accesses, metrics.sets, metrics.locks] {
            write(activity.count)
            if let first = activity.first, let last = activity.last {
                write(first.rawValue)
                write(last.rawValue)
            }
        }
    }

    /// Seven bits a byte, lowest first, with the sign in the lowest bit of all.
    mutating func write(_ number: Int64) {
        var rest = UInt64(bitPattern: number << 1 ^ number >> 63)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func write(optional number: Int64?) {
        bytes.append(number == nil ? 0 : 1)
        if let number { write(number) }
    }

    private mutating func write(_ text: [UInt8]) {
        write(Int64(text.count))
        bytes.append(contentsOf: text)
    }

    private mutating func write(_ value: Value) {
        write(Int64(value.kind.rawValue))
        write(value.bytes)
    }
}
