internal import CPostgres
internal import CairnKeyspace
internal import CairnModel

/// The rows that a statement returned, in PostgreSQL's binary form.
///
/// The unsafe pointers here are into libpq's result, which this object owns and frees; none leaves a method.
final class Rows {
    private let result: OpaquePointer
    /// How many rows there are.
    let count: Int

    /// Takes the result over.
    init(_ result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
    }

    deinit { PQclear(result) }

    /// How many rows a statement has changed that returns none.
    var changes: Int { PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0 }

    /// What the server says it has done, such as `COMMIT`.
    var tag: String { PQcmdStatus(result).map { String(cString: $0) } ?? "" }

    func isNull(_ row: Int, _ column: Int) -> Bool { PQgetisnull(result, Int32(row), Int32(column)) == 1 }

    /// The length of a column in bytes.
    func byteCount(_ row: Int, _ column: Int) -> Int { Int(PQgetlength(result, Int32(row), Int32(column))) }

    /// A whole number of whatever width.
    func integer(_ row: Int, _ column: Int) -> Int64 {
        withBytes(row, column) { bytes in
            switch bytes.count {
            case 8: Int64(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
            case 4: Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
            case 2: Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
            case 1: Int64(bytes[0])
            default: 0
            }
        }
    }

    func optionalInteger(_ row: Int, _ column: Int) -> Int64? {
        isNull(row, column) ? nil : integer(row, column)
    }

    func flag(_ row: Int, _ column: Int) -> Bool { integer(row, column) != 0 }

    func bytes(_ row: Int, _ column: Int) -> [UInt8] { withBytes(row, column) { Array($0) } }

    func text(_ row: Int, _ column: Int) -> String {
        withBytes(row, column) { String(decoding: $0, as: UTF8.self) }
    }

    private func withBytes<Result>(_ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(
            UnsafeRawBufferPointer(
                start: PQgetvalue(result, Int32(row), Int32(column)), count: byteCount(row, column)))
    }
}

// What a row says, in the order of the columns in `Statements`.
extension Rows {
    func record(_ row: Int, withValue: Bool) -> Record {
        Record(
            key: Key(bytes: bytes(row, 0)),
            value: withValue ? value(row, kind: 8, bytes: 9) ?? Value(bytes: []) : Value(bytes: []),
            version: integer(row, 1),
            createdVersion: integer(row, 2),
            createdRef: Ref(integer(row, 3)),
            updatedRef: Ref(integer(row, 4)),
            deletedRef: optionalInteger(row, 5).map { Ref($0) },
            leaseID: LeaseID(integer(row, 6)),
            lockToken: Ref(integer(row, 7))
        )
    }

    func event(_ row: Int) -> Event {
        Event(
            ref: Ref(integer(row, 0)),
            kind: Event.Kind(rawValue: Int32(truncatingIfNeeded: integer(row, 1))),
            key: Key(bytes: bytes(row, 2)),
            version: integer(row, 3),
            value: value(row, kind: 13, bytes: 14),
            leaseID: LeaseID(integer(row, 4)),
            createdRef: Ref(integer(row, 5)),
            createdVersion: integer(row, 6),
            previousRef: optionalInteger(row, 7).map { Ref($0) },
            time: Timestamp(microseconds: integer(row, 8)),
            clientID: text(row, 9),
            transactionIndex: Int32(truncatingIfNeeded: integer(row, 10)),
            transactionCount: Int32(truncatingIfNeeded: integer(row, 11)),
            lockToken: Ref(integer(row, 12))
        )
    }

    func lease(_ row: Int) -> Lease {
        Lease(
            id: LeaseID(integer(row, 0)),
            deadline: optionalInteger(row, 1).map(Timestamp.init(microseconds:)),
            duration: optionalInteger(row, 2).map { Duration.microseconds($0) },
            isGranted: flag(row, 3)
        )
    }

    func lock(_ row: Int) -> Lock {
        Lock(
            token: Ref(integer(row, 0)),
            key: Key(bytes: bytes(row, 1)),
            owner: text(row, 2),
            mode: Lock.Mode(rawValue: Int32(truncatingIfNeeded: integer(row, 3))),
            deadline: Timestamp(microseconds: integer(row, 4)),
            duration: Duration.microseconds(integer(row, 5))
        )
    }

    func consumer(_ row: Int) -> Consumer {
        Consumer(
            name: text(row, 0), cursor: Ref(integer(row, 1)), updatedAt: Timestamp(microseconds: integer(row, 2)))
    }

    /// The head, in the first row.
    func head() throws(StoreError) -> Head {
        guard count == 1 else {
            throw StoreError(.corrupted, "the table head of the store is empty; restore a backup")
        }
        return Head(
            lastRef: Ref(integer(0, 0)),
            oldestRef: Ref(integer(0, 1)),
            lastLeaseID: LeaseID(integer(0, 2)),
            time: Timestamp(microseconds: integer(0, 3))
        )
    }

    private func value(_ row: Int, kind: Int, bytes: Int) -> Value? {
        if isNull(row, bytes) { return nil }
        let kind = Value.Kind(rawValue: Int32(truncatingIfNeeded: integer(row, kind)))
        return Value(kind: kind, bytes: self.bytes(row, bytes))
    }
}
