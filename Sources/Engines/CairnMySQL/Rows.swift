internal import CMariaDB
internal import CairnKeyspace
internal import CairnModel

/// A row of a result, as text. Its memory is the connection's, and is valid until the next row is fetched: a row is
/// read in the closure it is given to, and not kept.
struct Row {
    // Pointers into the connection's buffer; see above for how long they live.
    private let fields: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let lengths: UnsafeMutablePointer<UInt>

    init(fields: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, lengths: UnsafeMutablePointer<UInt>) {
        self.fields = fields
        self.lengths = lengths
    }

    func isNull(_ column: Int) -> Bool { fields[column] == nil }

    /// The bytes of a column; none for NULL.
    private func raw(_ column: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: fields[column], count: fields[column] == nil ? 0 : Int(lengths[column]))
    }

    func bytes(_ column: Int) -> [UInt8] { [UInt8](raw(column)) }

    func text(_ column: Int) -> String { String(decoding: raw(column), as: UTF8.self) }

    /// The number that a column of numbers holds; 0 for NULL.
    func integer(_ column: Int) -> Int64 {
        var magnitude: UInt64 = 0
        var isNegative = false
        for byte in raw(column) {
            if byte == UInt8(ascii: "-") {
                isNegative = true
            } else {
                magnitude = magnitude &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
            }
        }
        return Int64(truncatingIfNeeded: isNegative ? 0 &- magnitude : magnitude)
    }

    func optionalInteger(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }
}

// What rows say, in the order of the columns in `Statements`.
extension Row {
    /// The ten columns of a record; without a value, the first eight.
    func record(withValue: Bool) -> Record {
        Record(
            key: Key(bytes: bytes(0)),
            value: withValue ? value(kind: 8, bytes: 9) ?? Value(bytes: []) : Value(bytes: []),
            version: integer(1),
            createdVersion: integer(2),
            createdRef: Ref(integer(3)),
            updatedRef: Ref(integer(4)),
            deletedRef: optionalInteger(5).map { Ref($0) },
            leaseID: LeaseID(integer(6)),
            lockToken: Ref(integer(7))
        )
    }

    var event: Event {
        Event(
            ref: Ref(integer(0)),
            kind: Event.Kind(rawValue: Int32(truncatingIfNeeded: integer(1))),
            key: Key(bytes: bytes(2)),
            version: integer(3),
            value: value(kind: 13, bytes: 14),
            leaseID: LeaseID(integer(4)),
            createdRef: Ref(integer(5)),
            createdVersion: integer(6),
            previousRef: optionalInteger(7).map { Ref($0) },
            time: Timestamp(microseconds: integer(8)),
            clientID: text(9),
            transactionIndex: Int32(truncatingIfNeeded: integer(10)),
            transactionCount: Int32(truncatingIfNeeded: integer(11)),
            lockToken: Ref(integer(12))
        )
    }

    func value(kind: Int, bytes: Int) -> Value? {
        if isNull(bytes) { return nil }
        return Value(kind: Value.Kind(rawValue: Int32(truncatingIfNeeded: integer(kind))), bytes: self.bytes(bytes))
    }

    var lease: Lease {
        Lease(
            id: LeaseID(integer(0)),
            deadline: optionalInteger(1).map(Timestamp.init(microseconds:)),
            duration: optionalInteger(2).map { Duration.microseconds($0) },
            isGranted: integer(3) != 0
        )
    }

    var lock: Lock {
        Lock(
            token: Ref(integer(0)),
            key: Key(bytes: bytes(1)),
            owner: text(2),
            mode: Lock.Mode(rawValue: Int32(truncatingIfNeeded: integer(3))),
            deadline: Timestamp(microseconds: integer(4)),
            duration: Duration.microseconds(integer(5))
        )
    }

    var consumer: Consumer {
        Consumer(name: text(0), cursor: Ref(integer(1)), updatedAt: Timestamp(microseconds: integer(2)))
    }

    var head: Head {
        Head(
            lastRef: Ref(integer(0)),
            oldestRef: Ref(integer(1)),
            lastLeaseID: LeaseID(integer(2)),
            time: Timestamp(microseconds: integer(3))
        )
    }
}
