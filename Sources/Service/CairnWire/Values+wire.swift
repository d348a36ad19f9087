package import CairnModel
package import CairnProtocol
package import Foundation

// Keys, values, records and events, to and from their messages. What comes from a server is taken as it is; what
// comes from a client is checked by the store.

extension Key {
    /// The key of a `bytes` field.
    package init(wire data: Data) { self.init(bytes: Array(data)) }
    /// The key as a `bytes` field.
    package var wire: Data { Data(bytes) }
}

// A value with a content type has a kind and canonical bytes of its own only inside: on the wire it is the content, as
// plain bytes, and the type in its field. Bytes that should begin with a type and don't are sent as they are, with the
// number of their kind.

extension Value {
    /// The value of a request's fields. Throws ``StoreError/Code/invalidArgument`` for a content type that is none, or
    /// that goes with another kind than bytes.
    package init(
        request data: Data, _ kind: Cairn_V1_ValueKind, contentType: String
    ) throws(StoreError) {
        if contentType.isEmpty {
            self.init(data, kind)
            return
        }
        guard kind == .bytes else {
            throw StoreError(
                .invalidArgument, "a content type goes with plain bytes, and not with values of kind \(kind.rawValue)")
        }
        try self.init(Array(data), contentType: contentType)
    }

    /// The value of an answer's fields. A content type that is none is passed over.
    package init(answer data: Data, _ kind: Cairn_V1_ValueKind, contentType: String) {
        if !contentType.isEmpty, let value = try? Value(Array(data), contentType: contentType) {
            self = value
        } else {
            self.init(data, kind)
        }
    }

    private init(_ data: Data, _ kind: Cairn_V1_ValueKind) {
        self.init(kind: Value.Kind(rawValue: Int32(truncatingIfNeeded: kind.rawValue)), bytes: Array(data))
    }

    /// The kind as a message field.
    package var wireKind: Cairn_V1_ValueKind {
        if kind == .typed, typeBytes != nil { return .bytes }
        return Cairn_V1_ValueKind(rawValue: Int(kind.rawValue)) ?? .bytes
    }
}

extension Record {
    /// The record as a message.
    package func wire(withValue: Bool = true) -> Cairn_V1_Record {
        var message = Cairn_V1_Record()
        message.key = key.wire
        if withValue, !value.bytes.isEmpty {
            message.value = Data(value.content)
            if let type = value.contentType { message.contentType = type }
        }
        message.valueKind = value.wireKind
        message.version = version
        message.createdVersion = createdVersion
        message.createdRef = createdRef.rawValue
        message.updatedRef = updatedRef.rawValue
        message.deletedRef = deletedRef?.rawValue ?? 0
        message.leaseID = leaseID.rawValue
        message.lockToken = lockToken.rawValue
        return message
    }

    /// The record of a message.
    package init(wire message: Cairn_V1_Record) {
        self.init(
            key: Key(wire: message.key),
            value: Value(answer: message.value, message.valueKind, contentType: message.contentType),
            version: message.version, createdVersion: message.createdVersion, createdRef: Ref(message.createdRef),
            updatedRef: Ref(message.updatedRef),
            deletedRef: message.deletedRef == 0 ? nil : Ref(message.deletedRef), leaseID: LeaseID(message.leaseID),
            lockToken: Ref(message.lockToken))
    }
}

extension Event {
    /// The event as a message.
    package var wire: Cairn_V1_Event {
        var message = Cairn_V1_Event()
        message.ref = ref.rawValue
        message.kind = Cairn_V1_EventKind(rawValue: Int(kind.rawValue)) ?? .unspecified
        message.key = key.wire
        if let value {
            message.value = Data(value.content)
            message.valueKind = value.wireKind
            if let type = value.contentType { message.contentType = type }
        }
        message.version = version
        message.leaseID = leaseID.rawValue
        message.createdRef = createdRef.rawValue
        message.createdVersion = createdVersion
        message.previousRef = previousRef?.rawValue ?? 0
        message.timeUs = time.rawValue
        message.clientID = clientID
        message.transactionIndex = transactionIndex
        message.transactionCount = transactionCount
        message.lockToken = lockToken.rawValue
        return message
    }

    /// The event of a message.
    package init(wire message: Cairn_V1_Event) {
        let kind = Event.Kind(rawValue: Int32(truncatingIfNeeded: message.kind.rawValue))
        self.init(
            ref: Ref(message.ref), kind: kind, key: Key(wire: message.key), version: message.version,
            value: kind.endsKey
                ? nil : Value(answer: message.value, message.valueKind, contentType: message.contentType),
            leaseID: LeaseID(message.leaseID), createdRef: Ref(message.createdRef),
            createdVersion: message.createdVersion,
            previousRef: message.previousRef == 0 ? nil : Ref(message.previousRef),
            time: Timestamp(microseconds: message.timeUs), clientID: message.clientID,
            transactionIndex: message.transactionIndex, transactionCount: message.transactionCount,
            lockToken: Ref(message.lockToken))
    }
}

extension Lease {
    /// The lease as a message.
    package var wire: Cairn_V1_Lease {
        var message = Cairn_V1_Lease()
        message.id = id.rawValue
        if let deadline { message.deadlineUs = deadline.rawValue }
        if let duration { message.durationUs = duration.microseconds }
        message.granted = isGranted
        return message
    }

    /// The lease of a message.
    package init(wire message: Cairn_V1_Lease) {
        self.init(
            id: LeaseID(message.id),
            deadline: message.hasDeadlineUs ? Timestamp(microseconds: message.deadlineUs) : nil,
            duration: message.hasDurationUs ? .microseconds(message.durationUs) : nil, isGranted: message.granted)
    }
}

extension LeaseStatus {
    /// The status as a message.
    package var wire: Cairn_V1_Lease {
        var message = lease.wire
        if let timeLeft { message.timeLeftUs = timeLeft.microseconds }
        message.keys = keys.map(\.wire)
        return message
    }

    /// The status of a message.
    package init(wire message: Cairn_V1_Lease) {
        self.init(
            lease: Lease(wire: message), timeLeft: message.hasTimeLeftUs ? .microseconds(message.timeLeftUs) : nil,
            keys: message.keys.map(Key.init(wire:)))
    }
}

extension Lock.Mode {
    /// The mode as a message field.
    package var wire: Cairn_V1_LockMode { Cairn_V1_LockMode(rawValue: Int(rawValue)) ?? .exclusive }

    /// The mode of a message field.
    package init(wire message: Cairn_V1_LockMode) {
        self.init(rawValue: Int32(truncatingIfNeeded: message.rawValue))
    }
}

extension Lock {
    /// The lock as a message.
    package var wire: Cairn_V1_Lock {
        var message = Cairn_V1_Lock()
        message.token = token.rawValue
        message.key = key.wire
        message.owner = owner
        message.mode = mode.wire
        message.deadlineUs = deadline.rawValue
        message.durationUs = duration.microseconds
        return message
    }

    /// The lock of a message.
    package init(wire message: Cairn_V1_Lock) {
        self.init(
            token: Ref(message.token), key: Key(wire: message.key), owner: message.owner,
            mode: Lock.Mode(wire: message.mode), deadline: Timestamp(microseconds: message.deadlineUs),
            duration: .microseconds(message.durationUs))
    }
}

extension LockStatus {
    /// The status as a message.
    package var wire: Cairn_V1_Lock {
        var message = lock.wire
        message.timeLeftUs = timeLeft.microseconds
        return message
    }

    /// The status of a message.
    package init(wire message: Cairn_V1_Lock) {
        self.init(lock: Lock(wire: message), timeLeft: .microseconds(message.timeLeftUs))
    }
}

extension Consumer {
    /// The consumer as a message.
    package var wire: Cairn_V1_Consumer {
        var message = Cairn_V1_Consumer()
        message.name = name
        message.cursor = cursor.rawValue
        message.updatedAtUs = updatedAt.rawValue
        return message
    }

    /// The consumer of a message.
    package init(wire message: Cairn_V1_Consumer) {
        self.init(
            name: message.name, cursor: Ref(message.cursor), updatedAt: Timestamp(microseconds: message.updatedAtUs))
    }
}

extension KeyRange {
    /// The range as a message.
    package var wire: Cairn_V1_KeyRange {
        var message = Cairn_V1_KeyRange()
        if self == KeyRange(prefix: lower) {
            message.prefix = lower.wire
        } else {
            message.from = lower.wire
            if let upper { message.to = upper.wire }
        }
        return message
    }

    /// The range of a message. Throws ``StoreError/Code/invalidArgument`` for a prefix that doesn't go alone.
    package init(wire message: Cairn_V1_KeyRange) throws(StoreError) {
        if message.prefix.isEmpty {
            self.init(from: Key(wire: message.from), to: message.to.isEmpty ? nil : Key(wire: message.to))
        } else if message.from.isEmpty && message.to.isEmpty {
            self.init(prefix: Key(wire: message.prefix))
        } else {
            throw StoreError(.invalidArgument, "a range has a prefix, or from and to, but not both")
        }
    }
}
