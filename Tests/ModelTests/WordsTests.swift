import CairnModel
import Testing

/// Random numbers that are not.
private struct Counting: RandomNumberGenerator {
    var last: UInt64

    init(next: UInt64) { last = next &- 1 }

    mutating func next() -> UInt64 {
        last += 1
        return last
    }
}

@Suite("values, refs and words")
struct WordsTests {
    @Test("a value's text is its bytes, if they are UTF-8")
    func valueText() {
        #expect(Value("é").bytes == [0xC3, 0xA9])
        #expect(Value("é").text == "é")
        #expect(Value(bytes: [0xC3]).text == nil)
        #expect(Value("").text == "")
        #expect(Value("a").kind == .bytes)
        #expect(Value(kind: .init(rawValue: 9), bytes: [1]) != Value(bytes: [1]))
    }

    @Test("refs count in order")
    func refs() {
        #expect(Ref.zero.next == 1)
        #expect(Ref(1).previous == .zero)
        #expect(Ref(9) < Ref(10))
        #expect("\(Ref(42))" == "42")
        #expect("\(LeaseID(42))" == "42")
        #expect(LeaseID.firstChosen.rawValue == 281_474_976_710_656)
    }

    @Test("a request id is sixteen bytes")
    func requestIDs() {
        #expect(RequestID(bytes: Array(repeating: 1, count: 16)) != nil)
        #expect(RequestID(bytes: Array(repeating: 1, count: 15)) == nil)
        #expect(RequestID(bytes: Array(repeating: 1, count: 17)) == nil)
        var one = Counting(next: 1)
        var same = Counting(next: 1)
        let id = RequestID.random(using: &one)
        #expect(id == RequestID.random(using: &same))
        #expect(id != RequestID.random(using: &one))
        #expect(id.bytes.count == 16)
    }

    @Test(
        "conditions read like sentences",
        arguments: [
            (.absent, "\"k\" is absent"), (.present, "\"k\" is present"), (.version(.equal, 3), "version of \"k\" = 3"),
            (.createdRef(.less, 4), "created ref of \"k\" < 4"), (.updatedRef(.greater, 5), "updated ref of \"k\" > 5"),
            (.value(.notEqual, "secret"), "value of \"k\" ≠ the value given"),
            (.lease(.equal, 6), "lease of \"k\" = 6"),
        ] as [(Condition.Test, String)])
    func conditions(test: Condition.Test, text: String) {
        #expect(Condition("k", test).description == text)
    }

    @Test("event kinds have names, unknown ones too")
    func kinds() {
        for kind in Event.Kind.all { #expect(Event.Kind(name: kind.description) == kind) }
        #expect(Event.Kind(rawValue: 17).description == "kind 17")
        #expect(Event.Kind(name: "nonsense") == nil)
        #expect(Event.Kind.all.filter(\.endsKey) == [.deleted, .expired, .pruned])
    }

    @Test("errors say what happened, to which key, and what to do")
    func errors() {
        #expect(StoreError.keyNotFound("a").description == "key \"a\" does not exist (KEY_NOT_FOUND)")
        #expect(StoreError.keyNotFound("a").retry == .never)
        let absent = FailedCondition(
            index: 0, condition: Condition("a", .version(.equal, 3)), version: 0, updatedRef: 0)
        let there = FailedCondition(index: 0, condition: Condition("a", .absent), version: 7, updatedRef: 9)
        #expect(
            StoreError.conditionFailed(absent).message
                == "condition version of \"a\" = 3 does not hold: the key does not exist; "
                + "read the key again and decide anew"
        )
        let error = StoreError.conditionFailed(there)
        #expect(error.message.contains("\"a\" is absent does not hold: the key is at version 7"))
        #expect(error.key == "a")
        #expect(error.ref == 9)
        #expect(error.failedCondition == there)
    }

    @Test("what a store can't do is said by name")
    func capabilities() throws {
        let some = Capabilities([.leases])
        try some.require(.leases)
        let error = #expect(throws: StoreError.self) { try some.require(.requestIDs) }
        #expect(error?.code == .unsupported)
        #expect(error?.message == "this store does not support: request ids")
        #expect(Set(Capability.allCases.map(\.rawValue)).count == Capability.allCases.count)
    }

    @Test("a record is what its key's last event left")
    func recordAfterEvent() {
        var event = Event(
            ref: 5, kind: .updated, key: "k", version: 3, value: "v", leaseID: 2, createdRef: 4, createdVersion: 2,
            previousRef: 4, time: Timestamp(microseconds: 1), transactionIndex: 1, transactionCount: 2)
        #expect(event.endsTransaction)
        let live = Record(after: event)
        #expect(live.isLive)
        #expect(live.value == "v")
        #expect(live.createdRef == 4)
        #expect(live.updatedRef == 5)
        event.kind = .expired
        event.value = nil
        event.transactionIndex = 0
        #expect(!event.endsTransaction)
        let dead = Record(after: event)
        #expect(!dead.isLive)
        #expect(dead.deletedRef == 5)
        #expect(dead.value.bytes.isEmpty)
    }
}
