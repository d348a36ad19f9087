package import CairnModel
internal import Foundation

/// The result of a transaction as the table `requests` keeps it: JSON, with keys and values in base64.
///
/// Every transaction with a request id is written here, few are ever read, so writing is done by hand, at a tenth of
/// the cost of Foundation's encoder, and reading by `JSONDecoder`. A test holds the two against each other.
package enum StoredResult {
    /// The JSON of a result.
    package static func encode(_ result: TransactionResult) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("ref", result.ref.rawValue)
            if let failed = result.failedCondition {
                json.object("failed") { json in
                    json.field("index", Int64(failed.index))
                    json.field("version", failed.version)
                    json.field("updatedRef", failed.updatedRef.rawValue)
                    json.write(failed.condition)
                }
            }
            json.array("results", of: result.results) { json, result in
                json.object { json in json.write(result) }
            }
        }
        return json.text
    }

    /// The result that `json` tells.
    package static func decode(_ json: [UInt8]) throws(StoreError) -> TransactionResult {
        do {
            return try JSONDecoder().decode(ResultMirror.self, from: Data(json)).result
        } catch {
            throw StoreError(.corrupted, "a remembered result cannot be read: \(error)")
        }
    }
}

// What goes into the object of each kind of thing.
extension JSONWriter {
    fileprivate mutating func write(_ result: OperationResult) {
        switch result {
        case .written(let record): object("written") { $0.write(record) }
        case .deleted(let records): array("deleted", of: records) { json, record in json.object { $0.write(record) } }
        case .read(let record?): object("read") { $0.write(record) }
        case .read(nil): field("readNothing", true)
        case .lease(let lease): object("lease") { $0.write(lease) }
        case .consumer(let consumer):
            object("consumer") { json in
                json.field("name", base64: Array(consumer.name.utf8))
                json.field("cursor", consumer.cursor.rawValue)
                json.field("updatedAt", consumer.updatedAt.rawValue)
            }
        case .lock(let lock?): object("lock") { $0.write(lock) }
        case .lock(nil): field("noLock", true)
        case .none: field("none", true)
        }
    }

    private mutating func write(_ record: Record) {
        field("key", base64: record.key.bytes)
        field("kind", Int64(record.value.kind.rawValue))
        field("value", base64: record.value.bytes)
        field("version", record.version)
        field("createdVersion", record.createdVersion)
        field("createdRef", record.createdRef.rawValue)
        field("updatedRef", record.updatedRef.rawValue)
        if let deletedRef = record.deletedRef { field("deletedRef", deletedRef.rawValue) }
        field("leaseID", record.leaseID.rawValue)
        field("lockToken", record.lockToken.rawValue)
    }

    private mutating func write(_ lease: Lease) {
        field("id", lease.id.rawValue)
        if let deadline = lease.deadline { field("deadline", deadline.rawValue) }
        if let duration = lease.duration {
            field("seconds", duration.components.seconds)
            field("attoseconds", duration.components.attoseconds)
        }
        field("isGranted", lease.isGranted)
    }

    private mutating func write(_ lock: Lock) {
        field("token", lock.token.rawValue)
        field("key", base64: lock.key.bytes)
        field("owner", base64: Array(lock.owner.utf8))
        field("mode", Int64(lock.mode.rawValue))
        field("deadline", lock.deadline.rawValue)
        field("duration", lock.duration.microseconds)
    }

    fileprivate mutating func write(_ condition: Condition) {
        field("key", base64: condition.key.bytes)
        let (test, comparison, number): (String, Condition.Comparison?, Int64?) =
            switch condition.test {
            case .absent: ("absent", nil, nil)
            case .present: ("present", nil, nil)
            case .version(let comparison, let version): ("version", comparison, version)
            case .createdRef(let comparison, let ref): ("createdRef", comparison, ref.rawValue)
            case .updatedRef(let comparison, let ref): ("updatedRef", comparison, ref.rawValue)
            case .lease(let comparison, let id): ("lease", comparison, id.rawValue)
            case .lockToken(let comparison, let token): ("lockToken", comparison, token.rawValue)
            case .value(let comparison, let value): ("value", comparison, Int64(value.kind.rawValue))
            }
        field("test", test)
        if let comparison { field("comparison", comparison.word) }
        if let number { field("number", number) }
        if case .value(_, let value) = condition.test { field("value", base64: value.bytes) }
    }
}

extension Condition.Comparison {
    fileprivate var word: String {
        switch self {
        case .equal: "equal"
        case .notEqual: "notEqual"
        case .less: "less"
        case .greater: "greater"
        }
    }
}

// The same objects, for `JSONDecoder`.

private struct ResultMirror: Decodable {
    var ref: Int64
    var failed: FailedMirror?
    var results: [OperationMirror]

    var result: TransactionResult {
        get throws {
            TransactionResult(
                failedCondition: try failed?.failedCondition,
                results: try results.map { try $0.result },
                ref: Ref(ref)
            )
        }
    }
}

private struct OperationMirror: Decodable {
    var written: RecordMirror?
    var deleted: [RecordMirror]?
    var read: RecordMirror?
    var readNothing: Bool?
    var lease: LeaseMirror?
    var consumer: ConsumerMirror?
    var lock: LockMirror?
    var noLock: Bool?

    var result: OperationResult {
        get throws {
            if let written { return .written(written.record) }
            if let deleted { return .deleted(deleted.map(\.record)) }
            if let read { return .read(read.record) }
            if readNothing == true { return .read(nil) }
            if let lease { return .lease(lease.lease) }
            if let consumer { return .consumer(consumer.consumer) }
            if let lock { return .lock(lock.lock) }
            if noLock == true { return .lock(nil) }
            return .none
        }
    }
}

private struct RecordMirror: Decodable {
    var key, value: Data
    var kind: Int32
    var version, createdVersion, createdRef, updatedRef, leaseID, lockToken: Int64
    var deletedRef: Int64?

    var record: Record {
        Record(
            key: Key(bytes: Array(key)),
            value: Value(kind: Value.Kind(rawValue: kind), bytes: Array(value)),
            version: version,
            createdVersion: createdVersion,
            createdRef: Ref(createdRef),
            updatedRef: Ref(updatedRef),
            deletedRef: deletedRef.map { Ref($0) },
            leaseID: LeaseID(leaseID),
            lockToken: Ref(lockToken)
        )
    }
}

private struct LeaseMirror: Decodable {
    var id: Int64
    var deadline, seconds, attoseconds: Int64?
    var isGranted: Bool

    var lease: Lease {
        Lease(
            id: LeaseID(id),
            deadline: deadline.map(Timestamp.init(microseconds:)),
            duration: seconds.map { Duration(secondsComponent: $0, attosecondsComponent: attoseconds ?? 0) },
            isGranted: isGranted
        )
    }
}

private struct LockMirror: Decodable {
    var token, deadline, duration: Int64
    var key, owner: Data
    var mode: Int32

    var lock: Lock {
        Lock(
            token: Ref(token),
            key: Key(bytes: Array(key)),
            owner: String(decoding: owner, as: UTF8.self),
            mode: Lock.Mode(rawValue: mode),
            deadline: Timestamp(microseconds: deadline),
            duration: .microseconds(duration)
        )
    }
}

private struct ConsumerMirror: Decodable {
    var name: Data
    var cursor, updatedAt: Int64

    var consumer: Consumer {
        Consumer(
            name: String(decoding: name, as: UTF8.self),
            cursor: Ref(cursor),
            updatedAt: Timestamp(microseconds: updatedAt)
        )
    }
}

private struct FailedMirror: Decodable {
    var index: Int
    var version, updatedRef: Int64
    var key: Data
    var test: String
    var comparison: String?
    var number: Int64?
    var value: Data?

    var failedCondition: FailedCondition {
        get throws {
            FailedCondition(
                index: index,
                condition: Condition(Key(bytes: Array(key)), try conditionTest),
                version: version,
                updatedRef: Ref(updatedRef)
            )
        }
    }

    private var conditionTest: Condition.Test {
        get throws {
            if test == "absent" { return .absent }
            if test == "present" { return .present }
            guard let number, let comparison = Condition.Comparison.allCases.first(where: { $0.word == comparison })
            else {
                throw StoreError(.corrupted, "the condition \(test) lacks its figure")
            }
            switch test {
            case "version": return .version(comparison, number)
            case "createdRef": return .createdRef(comparison, Ref(number))
            case "updatedRef": return .updatedRef(comparison, Ref(number))
            case "lease": return .lease(comparison, LeaseID(number))
            case "lockToken": return .lockToken(comparison, Ref(number))
            case "value":
                let kind = Value.Kind(rawValue: Int32(truncatingIfNeeded: number))
                return .value(comparison, Value(kind: kind, bytes: Array(value ?? Data())))
            default: throw StoreError(.corrupted, "the condition \(test) is not known")
            }
        }
    }
}
