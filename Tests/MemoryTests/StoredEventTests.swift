import CairnModel
import CairnTestSupport
import Testing

@testable import CairnMemory

@Suite("memory home: an event in one piece")
struct StoredEventTests {
    @Test("comes back as it was, whatever its fields hold")
    func roundTrip() {
        var random = SeededGenerator(seed: RandomRun.seed)
        for _ in 0..<20_000 {
            let event = StoredEventTests.event(&random)
            let stored = StoredEvent(event)
            #expect(stored.event == event, "seed \(RandomRun.seed)")
            #expect(stored.ref == event.ref)
            #expect(stored.key == event.key)
            #expect(stored.isLive == !event.kind.endsKey)
            #expect(stored.leaseOfLiveKey == (event.kind.endsKey ? nil : event.leaseID))
            #expect(stored.size == event.key.bytes.count + (event.value?.bytes.count ?? 0))
        }
    }

    @Test("is the record that it left, with a value and without")
    func record() {
        var random = SeededGenerator(seed: RandomRun.seed)
        for _ in 0..<5_000 {
            var event = StoredEventTests.event(&random)
            if event.kind.endsKey { event.value = nil }
            let record = Record(after: event)
            let stored = StoredEvent(event)
            #expect(stored.record() == record, "seed \(RandomRun.seed)")
            #expect(stored.record(key: event.key) == record)
            var bare = record
            bare.value = Value(bytes: [])
            #expect(stored.record(withValue: false) == bare)
            #expect(StoredEvent(record).record() == record, "a record whose event is gone")
        }
    }

    @Test("keeps a value of any length around the one beyond which it is not copied, and lets it go")
    func lengths() {
        for count in [0, 1, StoredEvent.longestInside, StoredEvent.longestInside + 1, 1 << 20] {
            let value = Value(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            var stored: StoredEvent? = StoredEvent(Event("key", value))
            let copy = stored?.event
            let record = stored?.record()
            stored = nil
            #expect(copy?.value == value)
            #expect(record?.value == value, "what was taken out of it outlives it")
        }
    }

    @Test("orders keys as keys are ordered")
    func order() {
        var random = SeededGenerator(seed: RandomRun.seed)
        for _ in 0..<20_000 {
            let (a, b) = (StoredEventTests.key(&random), StoredEventTests.key(&random))
            // The pointer lives only during the comparison.
            let order = b.bytes.withUnsafeBytes { StoredEvent(Event(a, "")).orderOfKey(beside: $0) }
            #expect((order < 0, order == 0) == (a < b, a == b), "\(a) and \(b), seed \(RandomRun.seed)")
        }
    }

    /// Short keys of few letters, so that many begin alike and some are the same.
    private static func key(_ random: inout SeededGenerator) -> Key {
        Key(bytes: (0..<random.below(12)).map { _ in random.pick([0, 1, 0x61, 0x62, 0x7F, 0x80, 0xFF]) })
    }

    private static func event(_ random: inout SeededGenerator) -> Event {
        func number() -> Int64 {
            random.pick([0, 1, 127, 128, -1, .min, .max, Int64(random.below(1 << 40)), Int64(random.below(300))])
        }
        func small() -> Int32 { Int32(truncatingIfNeeded: number()) }
        let bytes = random.pick([0, 3, 100, 1_024, 1_025, 4_000])
        let value = Value(kind: Value.Kind(rawValue: small()), bytes: (0..<bytes).map { UInt8(truncatingIfNeeded: $0) })
        return Event(
            ref: Ref(number()), kind: random.once(in: 9) ? Event.Kind(rawValue: small()) : random.pick(Event.Kind.all),
            key: key(&random), version: number(), value: random.once(in: 3) ? nil : value, leaseID: LeaseID(number()),
            createdRef: Ref(number()), createdVersion: number(), previousRef: random.once(in: 3) ? nil : Ref(number()),
            time: Timestamp(microseconds: number()), clientID: random.pick(["", "ann@host", "é", "\u{0}"]),
            transactionIndex: small(), transactionCount: small(), lockToken: Ref(number()))
    }
}

extension Event {
    /// The creation of a key.
    fileprivate init(_ key: Key, _ value: Value) {
        self.init(
            ref: 1, kind: .created, key: key, version: 1, value: value, leaseID: 1, createdRef: 1, createdVersion: 1,
            previousRef: nil, time: Timestamp(microseconds: 0))
    }
}
