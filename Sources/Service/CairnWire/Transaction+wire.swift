package import CairnModel
package import CairnProtocol
package import Foundation
internal import SwiftProtobuf

// Transactions and what they did, to and from their messages.

extension Expiry {
    /// The expiry as a message.
    package var wire: Cairn_V1_Expiry {
        var message = Cairn_V1_Expiry()
        switch self {
        case .keep: break
        case .never: message.never = true
        case .at(let time): message.atUs = time.rawValue
        case .after(let duration): message.afterUs = duration.microseconds
        case .lifespan(let duration): message.lifespanUs = duration.microseconds
        }
        return message
    }

    /// The expiry of a message.
    package init(wire message: Cairn_V1_Expiry) {
        switch message.expiry {
        case nil: self = .keep
        case .never(let never): self = never ? .never : .keep
        case .atUs(let time): self = .at(Timestamp(microseconds: time))
        case .afterUs(let duration): self = .after(.microseconds(duration))
        case .lifespanUs(let duration): self = .lifespan(.microseconds(duration))
        }
    }
}

extension Condition {
    /// The condition as a message.
    package var wire: Cairn_V1_Condition {
        var message = Cairn_V1_Condition()
        message.key = key.wire
        switch test {
        case .absent: message.exists = false
        case .present: message.exists = true
        case .version(let comparison, let version):
            message.comparison = comparison.wire
            message.version = version
        case .createdRef(let comparison, let ref):
            message.comparison = comparison.wire
            message.createdRef = ref.rawValue
        case .updatedRef(let comparison, let ref):
            message.comparison = comparison.wire
            message.updatedRef = ref.rawValue
        case .value(let comparison, let value):
            message.comparison = comparison.wire
            message.value = Data(value.content)
            message.valueKind = value.wireKind
            message.contentType = value.contentType ?? ""
        case .lease(let comparison, let id):
            message.comparison = comparison.wire
            message.leaseID = id.rawValue
        case .lockToken(let comparison, let token):
            message.comparison = comparison.wire
            message.lockToken = token.rawValue
        }
        return message
    }

    /// The condition of a message; about `key` when the message names none. Throws ``StoreError/Code/invalidArgument``.
    package init(wire message: Cairn_V1_Condition, key: Key? = nil) throws(StoreError) {
        let key = message.key.isEmpty ? key ?? Key(bytes: []) : Key(wire: message.key)
        let comparison = try Comparison(wire: message.comparison)
        switch message.test {
        case nil: throw StoreError(.invalidArgument, "a condition on \(key) says nothing to look at", key: key)
        case .exists(let exists): self.init(key, exists ? .present : .absent)
        case .version(let version): self.init(key, .version(comparison, version))
        case .createdRef(let ref): self.init(key, .createdRef(comparison, Ref(ref)))
        case .updatedRef(let ref): self.init(key, .updatedRef(comparison, Ref(ref)))
        case .value(let value):
            let value = try Value(request: value, message.valueKind, contentType: message.contentType)
            self.init(key, .value(comparison, value))
        case .leaseID(let id): self.init(key, .lease(comparison, LeaseID(id)))
        case .lockToken(let token): self.init(key, .lockToken(comparison, Ref(token)))
        }
    }
}

extension Condition.Comparison {
    fileprivate var wire: Cairn_V1_Comparison {
        switch self {
        case .equal: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .greater: .greater
        }
    }

    fileprivate init(wire message: Cairn_V1_Comparison) throws(StoreError) {
        switch message {
        case .equal: self = .equal
        case .notEqual: self = .notEqual
        case .less: self = .less
        case .greater: self = .greater
        case .UNRECOGNIZED(let number): throw StoreError(.invalidArgument, "there is no comparison \(number)")
        }
    }
}

extension RequestID {
    /// The id of a `bytes` field; `nil` for an empty one. Throws ``StoreError/Code/invalidArgument``.
    package static func wire(_ data: Data) throws(StoreError) -> RequestID? {
        if data.isEmpty { return nil }
        guard let id = RequestID(bytes: Array(data)) else {
            throw StoreError(.invalidArgument, "a request id has 16 bytes; this one has \(data.count)")
        }
        return id
    }
}

extension Cairn_V1_SetOperation {
    /// A set as a message.
    package init(_ key: Key, _ value: Value, lease: LeaseID?, expiry: Expiry, skipIfUnchanged: Bool = false) {
        self.init()
        self.key = key.wire
        self.value = Data(value.content)
        valueKind = value.wireKind
        if let type = value.contentType { contentType = type }
        leaseID = lease?.rawValue ?? 0
        if expiry != .keep { self.expiry = expiry.wire }
        self.skipIfUnchanged = skipIfUnchanged
    }

    /// The operation of this message. Throws ``StoreError/Code/invalidArgument``.
    package func operation() throws(StoreError) -> CairnModel.Operation {
        .set(
            Key(wire: key), try Value(request: value, valueKind, contentType: contentType),
            lease: leaseID == 0 ? nil : LeaseID(leaseID), expiry: hasExpiry ? Expiry(wire: expiry) : .keep,
            skipIfUnchanged: skipIfUnchanged)
    }
}

extension CairnModel.Operation {
    /// The operation as a message.
    package var wire: Cairn_V1_Operation {
        var message = Cairn_V1_Operation()
        switch self {
        case .set(let key, let value, let lease, let expiry, let skipIfUnchanged):
            message.set = Cairn_V1_SetOperation(
                key, value, lease: lease, expiry: expiry, skipIfUnchanged: skipIfUnchanged)
        case .touch(let key): message.touch = key.wire
        case .prune(let candidates): message.prune = .with { $0.keys = candidates.map(\.wire) }
        case .delete(let key): message.delete = key.wire
        case .deleteRange(let range): message.deleteRange = range.wire
        case .get(let key): message.get = key.wire
        case .grantLease(let id, let duration):
            message.grantLease = .with {
                $0.id = id?.rawValue ?? 0
                if let duration { $0.durationUs = duration.microseconds }
            }
        case .keepAlive(let id, let expiry):
            message.keepAlive = .with {
                $0.leaseID = id.rawValue
                if expiry != .keep { $0.expiry = expiry.wire }
            }
        case .expireLease(let id): message.expireLease = id.rawValue
        case .acknowledge(let name, let ref): message.acknowledge = .cursor(name, ref)
        case .resetConsumer(let name, let ref): message.resetConsumer = .cursor(name, ref)
        case .deleteConsumer(let name): message.deleteConsumer = name
        case .compact(let ref): message.compactBefore = ref.rawValue
        case .clear(let range, let force):
            message.clear = .with {
                $0.range = range.wire
                $0.force = force
            }
        case .lock(let key, let duration, let mode, let createIfMissing):
            message.lock = .with {
                $0.key = key.wire
                $0.durationUs = duration.microseconds
                $0.mode = mode.wire
                $0.createIfMissing = createIfMissing
            }
        case .unlock(let key): message.unlock = key.wire
        }
        return message
    }

    /// The operation of a message. Throws ``StoreError/Code/invalidArgument``.
    package init(wire message: Cairn_V1_Operation) throws(StoreError) {
        switch message.operation {
        case nil: throw StoreError(.invalidArgument, "an operation of the transaction is empty")
        case .set(let set): self = try set.operation()
        case .touch(let key): self = .touch(Key(wire: key))
        case .prune(let prune): self = .prune(prune.keys.map(PruneCandidate.init(wire:)))
        case .delete(let key): self = .delete(Key(wire: key))
        case .deleteRange(let range): self = .deleteRange(try KeyRange(wire: range))
        case .get(let key): self = .get(Key(wire: key))
        case .grantLease(let grant):
            self = .grantLease(
                id: grant.id == 0 ? nil : LeaseID(grant.id),
                duration: grant.hasDurationUs ? .microseconds(grant.durationUs) : nil)
        case .keepAlive(let keepAlive):
            self = .keepAlive(
                LeaseID(keepAlive.leaseID), expiry: keepAlive.hasExpiry ? Expiry(wire: keepAlive.expiry) : .keep)
        case .expireLease(let id): self = .expireLease(LeaseID(id))
        case .acknowledge(let cursor): self = .acknowledge(consumer: cursor.consumer, through: Ref(cursor.ref))
        case .resetConsumer(let cursor): self = .resetConsumer(cursor.consumer, to: Ref(cursor.ref))
        case .deleteConsumer(let name): self = .deleteConsumer(name)
        case .compactBefore(let ref): self = .compact(before: Ref(ref))
        case .clear(let clear): self = .clear(try KeyRange(wire: clear.range), force: clear.force)
        case .lock(let lock):
            self = .lock(
                Key(wire: lock.key), duration: .microseconds(lock.durationUs), mode: Lock.Mode(wire: lock.mode),
                createIfMissing: lock.createIfMissing)
        case .unlock(let key): self = .unlock(Key(wire: key))
        }
    }
}

extension PruneCandidate {
    fileprivate var wire: Cairn_V1_PruneCandidate {
        .with {
            $0.key = key.wire
            $0.updatedRef = updatedRef.rawValue
        }
    }

    fileprivate init(wire message: Cairn_V1_PruneCandidate) {
        self.init(Key(wire: message.key), updatedRef: Ref(message.updatedRef))
    }
}

extension Cairn_V1_CursorOperation {
    fileprivate static func cursor(_ name: String, _ ref: Ref) -> Self {
        .with {
            $0.consumer = name
            $0.ref = ref.rawValue
        }
    }
}

extension Transaction {
    /// The transaction as a message.
    package var wire: Cairn_V1_CommitRequest {
        .with {
            $0.conditions = conditions.map(\.wire)
            $0.operations = operations.map(\.wire)
            $0.otherwise = otherwise.map(\.wire)
            if let requestID { $0.requestID = Data(requestID.bytes) }
            $0.clientID = clientID
        }
    }

    /// The transaction of a message. Throws ``StoreError/Code/invalidArgument``.
    package init(wire message: Cairn_V1_CommitRequest) throws(StoreError) {
        var conditions: [Condition] = []
        for condition in message.conditions { conditions.append(try Condition(wire: condition)) }
        self.init(
            if: conditions, then: try Transaction.operations(message.operations),
            otherwise: try Transaction.operations(message.otherwise), clientID: message.clientID,
            requestID: try RequestID.wire(message.requestID))
    }

    private static func operations(
        _ messages: [Cairn_V1_Operation]
    ) throws(StoreError) -> [CairnModel.Operation] {
        var operations: [CairnModel.Operation] = []
        for message in messages { operations.append(try CairnModel.Operation(wire: message)) }
        return operations
    }
}
