import CairnModel
import Foundation

/// A transaction as people write it: one JSON object. `cairn txn --help` describes it.
enum TransactionFile {
    /// Reads a transaction. Throws ``CairnModel/StoreError/Code/invalidArgument``, saying where and what.
    static func transaction(from data: Data) throws(StoreError) -> Transaction {
        let file: FileObject
        do {
            file = try JSONDecoder().decode(FileObject.self, from: data)
        } catch let error as StoreError {
            throw error
        } catch let error as DecodingError {
            throw StoreError(.invalidArgument, "the transaction can't be read: \(describe(error))")
        } catch {
            throw StoreError(.invalidArgument, "the transaction can't be read: \(error.localizedDescription)")
        }
        var conditions: [Condition] = []
        for condition in file.if ?? [] { conditions.append(try condition.condition()) }
        return Transaction(
            if: conditions, then: try operations(file.then), otherwise: try operations(file.else ?? []))
    }

    private static func operations(_ objects: [OperationObject]) throws(StoreError) -> [CairnModel.Operation] {
        var operations: [CairnModel.Operation] = []
        for object in objects { operations.append(try object.operation()) }
        return operations
    }

    private static func describe(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context): "\"\(key.stringValue)\" is missing at \(path(context))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\(context.debugDescription) at \(path(context))"
        case .dataCorrupted(let context): context.debugDescription + " at \(path(context))"
        @unknown default: "\(error)"
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        return path.isEmpty ? "the top" : path
    }
}

private struct FileObject: Decodable {
    var `if`: [ConditionObject]?
    var then: [OperationObject]
    var `else`: [OperationObject]?

    private enum CodingKeys: String, CodingKey, CaseIterable { case `if`, then, `else` }

    init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: CodingKeys.self)
        `if` = try container.decodeIfPresent([ConditionObject].self, forKey: .if)
        then = try container.decode([OperationObject].self, forKey: .then)
        `else` = try container.decodeIfPresent([OperationObject].self, forKey: .else)
    }
}

private struct ConditionObject: Decodable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case key, `is`, absent, present, version, createdRef, updatedRef, value, contentType, lease, lockToken
    }

    var key: String
    var comparison: String
    var tests: [(Condition.Comparison) -> Condition.Test] = []

    init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: CodingKeys.self)
        key = try container.decode(String.self, forKey: .key)
        comparison = try container.decodeIfPresent(String.self, forKey: .is) ?? "="
        if let absent = try container.decodeIfPresent(Bool.self, forKey: .absent) {
            tests.append { _ in absent ? .absent : .present }
        }
        if let present = try container.decodeIfPresent(Bool.self, forKey: .present) {
            tests.append { _ in present ? .present : .absent }
        }
        if let version = try container.decodeIfPresent(Int64.self, forKey: .version) {
            tests.append { .version($0, version) }
        }
        if let ref = try container.decodeIfPresent(Int64.self, forKey: .createdRef) {
            tests.append { .createdRef($0, Ref(ref)) }
        }
        if let ref = try container.decodeIfPresent(Int64.self, forKey: .updatedRef) {
            tests.append { .updatedRef($0, Ref(ref)) }
        }
        let type = try container.decodeIfPresent(String.self, forKey: .contentType)
        if let text = try container.decodeIfPresent(String.self, forKey: .value) {
            let value = try Value(text, contentType: type)
            tests.append { .value($0, value) }
        } else if type != nil {
            throw StoreError(.invalidArgument, "the condition on \"\(key)\" has a contentType without a value")
        }
        if let id = try container.decodeIfPresent(Int64.self, forKey: .lease) {
            tests.append { .lease($0, LeaseID(id)) }
        }
        if let token = try container.decodeIfPresent(Int64.self, forKey: .lockToken) {
            tests.append { .lockToken($0, Ref(token)) }
        }
    }

    func condition() throws(StoreError) -> Condition {
        let comparisons: [String: Condition.Comparison] = ["=": .equal, "!=": .notEqual, "<": .less, ">": .greater]
        guard let comparison = comparisons[comparison] else {
            throw StoreError(.invalidArgument, "\"\(comparison)\" is no comparison; there are =, !=, < and >")
        }
        guard tests.count == 1 else {
            throw StoreError(.invalidArgument, "the condition on \"\(key)\" has \(tests.count) tests; give it one")
        }
        return Condition(Key(key), tests[0](comparison))
    }
}

private struct OperationObject: Decodable {
    struct KeyObject: Decodable { var key: String }
    struct PrefixObject: Decodable { var prefix: String }
    struct SetObject: Decodable {
        var key: String
        var value: String?
        var valueBase64: String?
        var contentType: String?
        var lease: Int64?
        var expiresIn: String?
        var lifespan: String?
        var neverExpires: Bool?
        var unlessUnchanged: Bool?
    }
    struct LockObject: Decodable {
        var key: String
        var duration: String
        var mode: String?
        var createIfMissing: Bool?
    }
    struct LeaseObject: Decodable {
        var id: Int64?
        var duration: String?
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case set, touch, delete, deletePrefix, get, lock, unlock, grantLease, keepAlive, expireLease
    }

    private let set: SetObject?
    private let touch: KeyObject?
    private let delete: KeyObject?
    private let deletePrefix: PrefixObject?
    private let get: KeyObject?
    private let lock: LockObject?
    private let unlock: KeyObject?
    private let grantLease: LeaseObject?
    private let keepAlive: LeaseObject?
    private let expireLease: LeaseObject?

    init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: CodingKeys.self)
        set = try container.decodeIfPresent(SetObject.self, forKey: .set)
        touch = try container.decodeIfPresent(KeyObject.self, forKey: .touch)
        delete = try container.decodeIfPresent(KeyObject.self, forKey: .delete)
        deletePrefix = try container.decodeIfPresent(PrefixObject.self, forKey: .deletePrefix)
        get = try container.decodeIfPresent(KeyObject.self, forKey: .get)
        lock = try container.decodeIfPresent(LockObject.self, forKey: .lock)
        unlock = try container.decodeIfPresent(KeyObject.self, forKey: .unlock)
        grantLease = try container.decodeIfPresent(LeaseObject.self, forKey: .grantLease)
        keepAlive = try container.decodeIfPresent(LeaseObject.self, forKey: .keepAlive)
        expireLease = try container.decodeIfPresent(LeaseObject.self, forKey: .expireLease)
    }

    func operation() throws(StoreError) -> CairnModel.Operation {
        var operations: [CairnModel.Operation] = []
        if let set { operations.append(try set.operation()) }
        if let touch { operations.append(.touch(Key(touch.key))) }
        if let delete { operations.append(.delete(Key(delete.key))) }
        if let deletePrefix { operations.append(.deleteRange(KeyRange(prefix: Key(deletePrefix.prefix)))) }
        if let get { operations.append(.get(Key(get.key))) }
        if let lock { operations.append(try lock.operation()) }
        if let unlock { operations.append(.unlock(Key(unlock.key))) }
        if let lease = grantLease {
            operations.append(.grantLease(id: lease.id.map { LeaseID($0) }, duration: try parsed(lease.duration)))
        }
        if let lease = keepAlive {
            let expiry: Expiry = try parsed(lease.duration).map { .after($0) } ?? .keep
            operations.append(.keepAlive(LeaseID(lease.id ?? 0), expiry: expiry))
        }
        if let lease = expireLease { operations.append(.expireLease(LeaseID(lease.id ?? 0))) }
        guard operations.count == 1 else {
            throw StoreError(.invalidArgument, "an operation does \(operations.count) things; let each do one")
        }
        return operations[0]
    }
}

extension OperationObject.SetObject {
    fileprivate func operation() throws(StoreError) -> CairnModel.Operation {
        var bytes = value.map { Array($0.utf8) }
        if let valueBase64 {
            guard let data = Data(base64Encoded: valueBase64), bytes == nil else {
                throw StoreError(.invalidArgument, "the set of \"\(key)\" needs one value, as value or as valueBase64")
            }
            bytes = Array(data)
        }
        guard let bytes else { throw StoreError(.invalidArgument, "the set of \"\(key)\" has no value") }
        var expiry: Expiry = try parsed(expiresIn).map { .after($0) } ?? (neverExpires == true ? .never : .keep)
        if let lifespan = try parsed(lifespan) { expiry = .lifespan(lifespan) }
        return .set(
            Key(key), try Value(bytes, contentType: contentType), lease: lease.map { LeaseID($0) }, expiry: expiry,
            skipIfUnchanged: unlessUnchanged ?? false)
    }
}

extension OperationObject.LockObject {
    fileprivate func operation() throws(StoreError) -> CairnModel.Operation {
        guard let duration = try parsed(duration) else {
            throw StoreError(.invalidArgument, "the lock on \"\(key)\" has no duration")
        }
        let name = mode ?? Lock.Mode.exclusive.description
        guard let mode = Lock.Mode(name: name) else {
            throw StoreError(.invalidArgument, "\"\(name)\" is no mode of a lock; there are exclusive and write")
        }
        return .lock(Key(key), duration: duration, mode: mode, createIfMissing: createIfMissing ?? false)
    }
}

private func parsed(_ text: String?) throws(StoreError) -> Duration? {
    guard let text else { return nil }
    guard let argument = DurationArgument(argument: text) else {
        throw StoreError(.invalidArgument, "\"\(text)\" is no duration; write one such as 30s, 5m or 1h30m")
    }
    return argument.duration
}

private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension Decoder {
    /// Throws for a name that isn't known, so that a misspelt one is not passed over.
    fileprivate func refuseUnknownKeys(_ known: [String]) throws {
        for key in try container(keyedBy: AnyKey.self).allKeys where !known.contains(key.stringValue) {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: codingPath,
                    debugDescription: "\"\(key.stringValue)\" is not known; there are \(known.joined(separator: ", "))")
            )
        }
    }
}
