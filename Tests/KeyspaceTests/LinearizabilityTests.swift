import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

private func call(_ start: Int, _ end: Int, _ action: RegisterCall.Action, key: Key = "x") -> RegisterCall {
    RegisterCall(key: key, start: start, end: end, action: action)
}

private func found(_ value: Value, _ version: Int64) -> RegisterCall.Action {
    .get(found: RegisterState(value, version: version))
}

@Suite("linearizability checker")
struct LinearizabilityTests {
    /// Histories that some order explains.
    static let linearizable: [(String, [RegisterCall])] = [
        ("nothing", []),
        (
            "one after the other",
            [
                call(1, 2, .get(found: nil)), call(3, 4, .set("a", version: 1)), call(5, 6, found("a", 1)),
                call(7, 8, .delete(version: 2)), call(9, 10, .get(found: nil)), call(11, 12, .delete(version: nil)),
                call(13, 14, .compareAndSet(expected: 0, "b", version: 3)), call(15, 16, found("b", 3)),
            ]
        ),
        (
            "a read during a set sees it or not",
            [
                call(1, 10, .set("a", version: 1)), call(2, 3, .get(found: nil)), call(4, 5, found("a", 1)),
            ]
        ),
        (
            "versions tell the order of sets at once",
            [
                call(1, 10, .set("a", version: 2)), call(1, 10, .set("b", version: 1)), call(11, 12, found("a", 2)),
            ]
        ),
        (
            "one of two compare-and-sets wins",
            [
                call(1, 5, .compareAndSet(expected: 0, "a", version: nil)),
                call(2, 4, .compareAndSet(expected: 0, "b", version: 1)),
            ]
        ),
        (
            "an unknown set that happened late",
            [
                call(1, .max, .unknownSet("a")), call(2, 3, .get(found: nil)), call(4, 5, found("a", 1)),
            ]
        ),
        (
            "an unknown set that never happened",
            [
                call(1, .max, .unknownSet("a")), call(2, 3, .set("b", version: 1)), call(4, 5, found("b", 1)),
            ]
        ),
        (
            "keys are judged one by one",
            [
                call(1, 2, .set("a", version: 1)), call(3, 4, .get(found: nil), key: "y"),
            ]
        ),
    ]

    /// Histories that no order explains.
    static let broken: [(String, [RegisterCall])] = [
        ("a read misses a set that was answered", [call(1, 2, .set("a", version: 1)), call(3, 4, .get(found: nil))]),
        ("a read of what was never written", [call(1, 2, found("a", 1))]),
        (
            "a stale read",
            [
                call(1, 2, .set("a", version: 1)), call(3, 4, .set("b", version: 2)), call(5, 6, found("a", 1)),
            ]
        ),
        (
            "two reads during a set in the wrong order",
            [
                call(1, 10, .set("a", version: 1)), call(2, 3, found("a", 1)), call(4, 5, .get(found: nil)),
            ]
        ),
        ("a version twice", [call(1, 9, .set("a", version: 1)), call(2, 8, .set("b", version: 1))]),
        (
            "a lost update",
            [
                call(1, 5, .compareAndSet(expected: 0, "a", version: 1)),
                call(2, 4, .compareAndSet(expected: 0, "b", version: 1)),
            ]
        ),
        ("a compare-and-set refused without a reason", [call(1, 2, .compareAndSet(expected: 0, "a", version: nil))]),
        ("a version skipped", [call(1, 2, .set("a", version: 1)), call(3, 4, .set("b", version: 3))]),
        (
            "a deletion of what was there finds nothing",
            [call(1, 2, .set("a", version: 1)), call(3, 4, .delete(version: nil))]
        ),
        (
            "an old version brings a deleted key back",
            [
                call(1, 2, .set("a", version: 1)), call(3, 4, .delete(version: 2)),
                call(5, 6, .compareAndSet(expected: 2, "b", version: 3)),
            ]
        ),
        (
            "an unknown set that happened before it was sent",
            [
                call(1, 2, found("a", 1)), call(3, .max, .unknownSet("a")),
            ]
        ),
        (
            "a second key is broken",
            [
                call(1, 2, .set("a", version: 1)), call(3, 4, .get(found: RegisterState("a", version: 1)), key: "y"),
            ]
        ),
    ]

    @Test("accepts what some order explains", arguments: linearizable)
    func accepts(name: String, calls: [RegisterCall]) {
        #expect(keyWithoutLinearization(calls) == nil)
    }

    @Test("refuses what no order explains", arguments: broken)
    func refuses(name: String, calls: [RegisterCall]) {
        #expect(keyWithoutLinearization(calls) != nil)
    }

    @Test("concurrent clients of a keyspace see one order")
    func keyspaceIsLinearizable() async throws {
        for round in 0..<10 {
            let seed = RandomRun.seed &+ UInt64(round)
            let store = try await Keyspace.open(MemoryEngine(), clock: ManualClock())
            let calls = try await RegisterClients(seed: seed).run(on: store)
            #expect(calls.count == 200)
            #expect(keyWithoutLinearization(calls) == nil, "CAIRN_SEED=\(seed)")
            await store.close()
        }
    }
}
