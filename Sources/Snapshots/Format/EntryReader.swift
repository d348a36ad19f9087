internal import CairnKeyspace
internal import CairnModel

/// Reads what ``EntryWriter`` has written. Throws ``CairnModel/StoreError/Code/corrupted`` for anything else.
struct EntryReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether all has been read.
    var isAtEnd: Bool { offset == bytes.count }

    mutating func record() throws(StoreError) -> Record {
        Record(
            key: Key(bytes: try text()), value: try value(), version: try number(), createdVersion: try number(),
            createdRef: Ref(try number()), updatedRef: Ref(try number()),
            deletedRef: try optionalNumber().map { Ref($0) }, leaseID: LeaseID(try number()),
            lockToken: Ref(try number()))
    }

    mutating func event() throws(StoreError) -> Event {
        Event(
            ref: Ref(try number()), kind: Event.Kind(rawValue: try shortNumber()), key: Key(bytes: try text()),
            version: try number(), value: try flag() ? try value() : nil, leaseID: LeaseID(try number()),
            createdRef: Ref(try number()), createdVersion: try number(),
            previousRef: try optionalNumber().map { Ref($0) }, time: Timestamp(microseconds: try number()),
            clientID: try string(), transactionIndex: try shortNumber(), transactionCount: try shortNumber(),
            lockToken: Ref(try number()))
    }

    mutating func lease() throws(StoreError) -> Lease {
        let id = LeaseID(try number())
        let deadline = try optionalNumber().map(Timestamp.init(microseconds:))
        var duration: Duration?
        if let seconds = try optionalNumber() {
            duration = Duration(secondsComponent: seconds, attosecondsComponent: try number())
        }
        return Lease(id: id, deadline: deadline, duration: duration, isGranted: try flag())
    }

    mutating func lock() throws(StoreError) -> Lock {
        Lock(
            token: Ref(try number()), key: Key(bytes: try text()), owner: try string(),
            mode: Lock.Mode(rawValue: try shortNumber()), deadline: Timestamp(microseconds: try number()),
            duration: .microseconds(try number()))
    }

    mutating func consumer() throws(StoreError) -> Consumer {
        Consumer(name: try string(), cursor: Ref(try number()), updatedAt: Timestamp(microseconds: try number()))
    }

    mutating func result() throws(StoreError) -> (RequestID, TransactionResult, Timestamp) {
        guard let id = RequestID(bytes: try text()) else { throw EntryReader.malformed("a request id") }
        let time = Timestamp(microseconds: try number())
        return (id, try StoredResult.decode(try text()), time)
    }

    mutating func keyMetrics() throws(StoreError) -> (Key, KeyMetrics) {
        let key = Key(bytes: try text())
        var metrics = KeyMetrics()
        metrics.accesses = try activity()
        metrics.sets = try activity()
        metrics.locks = try activity()
        return (key, metrics)
    }

    private mutating func activity() throws(StoreError) -> KeyActivity {
        let count = try number()
        guard count >= 0 else { throw EntryReader.malformed("a count") }
        if count == 0 { return KeyActivity() }
        return KeyActivity(
            count: count, first: Timestamp(microseconds: try number()), last: Timestamp(microseconds: try number()))
    }

    mutating func number() throws(StoreError) -> Int64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            // The tenth byte has room for one bit.
            guard shift < 63 || byte <= 1 else { throw EntryReader.malformed("a number") }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        return Int64(bitPattern: result >> 1) ^ -Int64(bitPattern: result & 1)
    }

    private mutating func shortNumber() throws(StoreError) -> Int32 {
        guard let short = Int32(exactly: try number()) else { throw EntryReader.malformed("a number") }
        return short
    }

    private mutating func optionalNumber() throws(StoreError) -> Int64? { try flag() ? try number() : nil }

    private mutating func flag() throws(StoreError) -> Bool {
        let byte = try byte()
        guard byte <= 1 else { throw EntryReader.malformed("a flag") }
        return byte == 1
    }

    private mutating func byte() throws(StoreError) -> UInt8 {
        guard offset < bytes.count else { throw EntryReader.malformed("its end") }
        defer { offset += 1 }
        return bytes[offset]
    }

    private mutating func text() throws(StoreError) -> [UInt8] {
        let count = try number()
        guard count >= 0, count <= Int64(bytes.count - offset) else { throw EntryReader.malformed("a length") }
        defer { offset += Int(count) }
        return Array(bytes[offset..<offset + Int(count)])
    }

    private mutating func string() throws(StoreError) -> String {
        guard let string = String(validating: try text(), as: UTF8.self) else { throw EntryReader.malformed("a name") }
        return string
    }

    private mutating func value() throws(StoreError) -> Value {
        Value(kind: Value.Kind(rawValue: try shortNumber()), bytes: try text())
    }

    private static func malformed(_ what: String) -> StoreError {
        StoreError(.corrupted, "an entry is not as it should be, at \(what)")
    }
}
