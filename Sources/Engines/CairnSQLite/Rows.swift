internal import CairnModel

// What the current row of a statement says, in the order of the columns in `Statements`.

extension Statement {
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

    private func value(kind: Int32, bytes: Int32) -> Value? {
        if isNull(bytes) { return nil }
        return Value(kind: Value.Kind(rawValue: Int32(truncatingIfNeeded: integer(kind))), bytes: self.bytes(bytes))
    }
}
