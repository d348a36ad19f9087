import CairnKeyspace
import CairnModel
import CairnSQL

@testable import CairnMySQL

extension Changes {
    /// Changes that create these keys, after `head`, one transaction each.
    static func creating(_ values: [(key: Key, value: Value)], after head: Head, at time: Timestamp) -> Changes {
        var changes = Changes(head: head)
        var ref = head.lastRef
        for (key, value) in values {
            ref = ref.next
            changes.events.append(
                Event(
                    ref: ref, kind: .created, key: key, version: 1, value: value, leaseID: 0, createdRef: ref,
                    createdVersion: 1, previousRef: nil, time: time, clientID: "test"))
        }
        changes.head.lastRef = ref
        changes.head.time = time
        return changes
    }
}

extension MySQLSession {
    /// Stores changes as the first batch of replica 1.
    func store(number: Int64 = 1, _ decide: (BatchStart) throws -> Changes) throws {
        let start = try beginBatch()
        let changes = try decide(start)
        try commit(
            StoredBatch(
                changes: changes, records: changes.records, replica: 1, number: number, announcement: ""))
    }

    /// Stores new keys.
    func create(_ values: [(key: Key, value: Value)], number: Int64 = 1) throws {
        try store(number: number) { .creating(values, after: $0.head, at: $0.time) }
    }
}
