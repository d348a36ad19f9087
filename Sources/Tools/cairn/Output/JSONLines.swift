import CairnModel
import Foundation

/// Objects as JSON, one a line. A text that isn't UTF-8 comes as base64, under its name with `Base64` added.
enum JSONLines {
    /// Prints an object.
    static func print(_ object: some Encodable) { Terminal.write(Array(bytes(of: object))) }

    /// An object's line.
    static func bytes(of object: some Encodable) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        // These objects are made of texts and numbers, which always encode.
        guard let data = try? encoder.encode(object) else { return Data() }
        return data + [UInt8(ascii: "\n")]
    }
}

/// A record as JSON.
struct RecordLine: Encodable {
    var key: String?
    var keyBase64: String?
    var value: String?
    var valueBase64: String?
    var contentType: String?
    var version: Int64
    var createdRef: Int64
    var updatedRef: Int64
    var deletedRef: Int64?
    var leaseID: Int64
    var lockToken: Int64?

    init(_ record: Record, withValue: Bool = true) {
        (key, keyBase64) = texts(record.key.bytes)
        if withValue, record.isLive {
            (value, valueBase64) = texts(record.value.content)
            contentType = record.value.contentType
        }
        version = record.version
        createdRef = record.createdRef.rawValue
        updatedRef = record.updatedRef.rawValue
        deletedRef = record.deletedRef?.rawValue
        leaseID = record.leaseID.rawValue
        lockToken = record.lockToken == .zero ? nil : record.lockToken.rawValue
    }
}

/// A state that a key has or had, as JSON.
struct RevisionLine: Encodable {
    var key: String?
    var keyBase64: String?
    var value: String?
    var valueBase64: String?
    var contentType: String?
    var version: Int64
    var ref: Int64
    var kind: String?
    var time: String?
    var clientID: String?
    var ended: Bool?

    init(_ revision: KeyRevision) {
        let record = revision.record
        (key, keyBase64) = texts(record.key.bytes)
        if record.isLive {
            (value, valueBase64) = texts(record.value.content)
            contentType = record.value.contentType
        } else {
            ended = true
        }
        version = record.version
        ref = record.updatedRef.rawValue
        kind = revision.kind?.description
        time = revision.time?.text
        clientID = revision.clientID.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// A directory of a list as JSON.
struct DirectoryLine: Encodable {
    var directory: String?
    var directoryBase64: String?

    init(_ key: Key) { (directory, directoryBase64) = texts(key.bytes) }
}

/// An event as JSON.
struct EventLine: Encodable {
    var ref: Int64
    var kind: String
    var key: String?
    var keyBase64: String?
    var version: Int64
    var value: String?
    var valueBase64: String?
    var contentType: String?
    var leaseID: Int64
    var createdRef: Int64
    var previousRef: Int64?
    var time: String
    var clientID: String?
    var transactionIndex: Int32
    var transactionCount: Int32
    var lockToken: Int64?

    init(_ event: Event) {
        ref = event.ref.rawValue
        kind = event.kind.description
        (key, keyBase64) = texts(event.key.bytes)
        version = event.version
        if let value = event.value {
            (self.value, valueBase64) = texts(value.content)
            contentType = value.contentType
        }
        leaseID = event.leaseID.rawValue
        createdRef = event.createdRef.rawValue
        previousRef = event.previousRef?.rawValue
        time = event.time.text
        clientID = event.clientID.isEmpty ? nil : event.clientID
        transactionIndex = event.transactionIndex
        transactionCount = event.transactionCount
        lockToken = event.lockToken == .zero ? nil : event.lockToken.rawValue
    }
}

/// A read as JSON.
struct AccessLine: Encodable {
    var kind = Event.Kind.accessed.description
    var key: String?
    var keyBase64: String?
    var version: Int64
    var updatedRef: Int64
    var time: String
    var clientID: String?

    init(_ access: KeyAccess) {
        (key, keyBase64) = texts(access.key.bytes)
        version = access.version
        updatedRef = access.updatedRef.rawValue
        time = access.time.text
        clientID = access.clientID.isEmpty ? nil : access.clientID
    }
}

/// How many reads are not told, as JSON; without a number if nobody knows.
struct MissedAccessesLine: Encodable {
    var kind = Event.Kind.accessed.description
    var missed = true
    var upTo: Int?

    init(_ missed: MissedAccesses) {
        if case .upTo(let count) = missed { upTo = count }
    }
}

/// A lease as JSON; times in milliseconds.
struct LeaseLine: Encodable {
    var id: Int64
    var deadline: String?
    var durationMs: Int64?
    var timeLeftMs: Int64?
    var granted: Bool
    var keys: [String]?

    init(_ lease: Lease, timeLeft: Duration? = nil, keys: [Key]? = nil) {
        id = lease.id.rawValue
        deadline = lease.deadline?.text
        durationMs = lease.duration.map { $0.microseconds / 1_000 }
        timeLeftMs = timeLeft.map { $0.microseconds / 1_000 }
        granted = lease.isGranted
        self.keys = keys?.map(\.text)
    }
}

/// A lock as JSON; times in milliseconds.
struct LockLine: Encodable {
    var token: Int64
    var key: String?
    var keyBase64: String?
    var owner: String
    var mode: String
    var deadline: String
    var durationMs: Int64
    var timeLeftMs: Int64

    init(_ lock: Lock, timeLeft: Duration) {
        token = lock.token.rawValue
        (key, keyBase64) = texts(lock.key.bytes)
        owner = lock.owner
        mode = lock.mode.description
        deadline = lock.deadline.text
        durationMs = lock.duration.microseconds / 1_000
        timeLeftMs = timeLeft.microseconds / 1_000
    }
}

/// A consumer as JSON.
struct ConsumerLine: Encodable {
    var name: String
    var cursor: Int64
    var updatedAt: String

    init(_ consumer: Consumer) {
        name = consumer.name
        cursor = consumer.cursor.rawValue
        updatedAt = consumer.updatedAt.text
    }
}

func texts(_ bytes: some Collection<UInt8>) -> (String?, String?) {
    if let text = String(validating: bytes, as: UTF8.self) { return (text, nil) }
    return (nil, Data(bytes).base64EncodedString())
}

extension Timestamp {
    /// The time in ISO 8601, to the microsecond, in UTC.
    var text: String {
        let (seconds, fraction) = rawValue.quotientAndRemainder(dividingBy: 1_000_000)
        let date = Date(timeIntervalSince1970: TimeInterval(fraction < 0 ? seconds - 1 : seconds))
        let micros = fraction < 0 ? fraction + 1_000_000 : fraction
        let digits = String(micros)
        return date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: false)) + "."
            + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
    }
}
