import CairnKeyspace
import CairnModel
import Testing

@testable import CairnSQL

/// Records in memory that are vouched for by how far the log has come.
@Suite("home on a database server: records in memory")
struct CoherentRecordsTests {
    /// A log in which each event sets the same key, to its ref.
    private func event(_ number: Int64) -> Event {
        Event(
            ref: Ref(number), kind: number == 1 ? .created : .updated, key: "counter", version: number,
            value: Value("\(number)"), leaseID: 1, createdRef: 1, createdVersion: 1,
            previousRef: number == 1 ? nil : Ref(number - 1), time: Timestamp(microseconds: number))
    }

    private func events(from first: Ref, count: Int) -> [Event] {
        (first.rawValue..<first.rawValue + Int64(count)).map(event)
    }

    private func head(_ last: Int64) -> Head {
        Head(lastRef: Ref(last), oldestRef: 1, lastLeaseID: 1, time: Timestamp(microseconds: last))
    }

    private func value(_ cache: CoherentRecords) -> Value? { cache.entry("counter")??.value }

    @Test("a batch comes to its own head, also if a read with an older one is faster", arguments: [true, false])
    func overtaken(isLocked: Bool) throws {
        let cache = CoherentRecords(bytes: 1 << 20)
        try cache.catchUp(to: head(12), isLocked: true) { _, _, _ in [] }
        cache.fill(Record(after: event(12)), for: "counter", readAfter: cache.state)
        var asked: [Ref] = []
        try cache.catchUp(to: head(15), isLocked: isLocked) { first, count, _ throws(StoreError) in
            asked.append(first)
            if asked.count == 1 {
                // Somebody who has asked for the head before the batch did.
                try cache.catchUp(to: head(14), isLocked: false) { first, count, _ in events(from: first, count: count)
                }
                #expect(value(cache) == "14")
            }
            return events(from: first, count: count)
        }
        #expect(asked == [13, 15])
        #expect(cache.has(come: 15) && value(cache) == "15")
    }

    @Test("one who is overtaken by somebody who came farther stays there")
    func overtakenByMore() throws {
        let cache = CoherentRecords(bytes: 1 << 20)
        try cache.catchUp(to: head(12), isLocked: true) { _, _, _ in [] }
        try cache.catchUp(to: head(13), isLocked: false) { first, count, _ throws(StoreError) in
            try cache.catchUp(to: head(15), isLocked: false) { first, count, _ in events(from: first, count: count) }
            return events(from: first, count: count)
        }
        #expect(cache.has(come: 15) && value(cache) == "15")
    }

    @Test("one whose cache was emptied meanwhile begins anew")
    func emptied() throws {
        let cache = CoherentRecords(bytes: 1 << 20)
        try cache.catchUp(to: head(12), isLocked: true) { _, _, _ in [] }
        cache.fill(Record(after: event(12)), for: "counter", readAfter: cache.state)
        try cache.catchUp(to: head(15), isLocked: true) { first, count, _ in
            cache.forget()
            return events(from: first, count: count)
        }
        #expect(cache.has(come: 15) && value(cache) == nil)
    }

    @Test("what was read before something moved is not noted")
    func late() throws {
        let cache = CoherentRecords(bytes: 1 << 20)
        try cache.catchUp(to: head(12), isLocked: true) { _, _, _ in [] }
        let before = cache.state
        try cache.catchUp(to: head(13), isLocked: false) { first, count, _ in events(from: first, count: count) }
        cache.fill(Record(after: event(12)), for: "counter", readAfter: before)
        #expect(value(cache) == "13")
    }
}
