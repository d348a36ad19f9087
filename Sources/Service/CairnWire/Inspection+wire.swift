package import CairnModel
package import CairnProtocol
internal import SwiftProtobuf

// What is known of a key besides its value, to and from its messages.

extension KeyInspection {
    /// The inspection as a message, without metrics.
    package var wire: Cairn_V1_InspectResponse {
        .with {
            $0.record = record.wire()
            $0.size = Int64(size)
            $0.hash = hash
            $0.contentType = contentType ?? ""
            $0.contentTypeGiven = isContentTypeGiven
            if let createdAt { $0.createdAtUs = createdAt.rawValue }
            if let updatedAt { $0.updatedAtUs = updatedAt.rawValue }
            $0.lease = lease.wire
            if let lock { $0.lock = lock.wire }
        }
    }

    /// The inspection of a message.
    package init(wire message: Cairn_V1_InspectResponse) {
        self.init(
            record: Record(wire: message.record), size: Int(message.size), hash: message.hash,
            contentType: message.contentType.isEmpty ? nil : message.contentType,
            isContentTypeGiven: message.contentTypeGiven,
            createdAt: message.hasCreatedAtUs ? Timestamp(microseconds: message.createdAtUs) : nil,
            updatedAt: message.hasUpdatedAtUs ? Timestamp(microseconds: message.updatedAtUs) : nil,
            lease: LeaseStatus(wire: message.lease), lock: message.hasLock ? LockStatus(wire: message.lock) : nil)
    }
}

extension HotKey {
    /// The key and its figures as a message.
    package var wire: Cairn_V1_HotKey {
        .with {
            $0.key = key.wire
            $0.usesPerSecond = usesPerSecond
            $0.metrics = metrics.wire
        }
    }

    /// The key and its figures of a message.
    package init(wire message: Cairn_V1_HotKey) {
        self.init(
            key: Key(wire: message.key), usesPerSecond: message.usesPerSecond,
            metrics: KeyMetrics(wire: message.metrics))
    }
}

extension KeyMetrics {
    /// The metrics as a message.
    package var wire: Cairn_V1_KeyMetrics {
        .with {
            $0.accesses = accesses.wire
            $0.sets = sets.wire
            $0.locks = locks.wire
        }
    }

    /// The metrics of a message.
    package init(wire message: Cairn_V1_KeyMetrics) {
        self.init()
        accesses = KeyActivity(wire: message.accesses)
        sets = KeyActivity(wire: message.sets)
        locks = KeyActivity(wire: message.locks)
    }
}

extension KeyActivity {
    fileprivate var wire: Cairn_V1_KeyActivity {
        .with {
            $0.count = count
            if let first { $0.firstUs = first.rawValue }
            if let last { $0.lastUs = last.rawValue }
        }
    }

    fileprivate init(wire message: Cairn_V1_KeyActivity) {
        self.init(
            count: message.count, first: Timestamp(microseconds: message.firstUs),
            last: Timestamp(microseconds: message.lastUs))
    }
}
