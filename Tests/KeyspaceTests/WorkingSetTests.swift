import CairnModel
import Testing

@testable import CairnKeyspace

@Suite("working set")
struct WorkingSetTests {
    private let now = Timestamp(microseconds: 1_000)

    /// What a rule asks for first, or the code it fails with.
    private enum Outcome: Hashable {
        case need(WorkingSet.Need)
        case failed(StoreError.Code)
        case done(TransactionResult)
    }

    private func run(
        _ operations: [CairnModel.Operation], if conditions: [Condition] = [], on set: inout WorkingSet
    ) -> Outcome {
        do throws(WorkingSet.Stop) {
            return .done(try set.run(Transaction(if: conditions, then: operations), at: now, limits: .standard))
        } catch {
            switch error {
            case .need(let need): return .need(need)
            case .failed(let error): return .failed(error.code)
            }
        }
    }

    @Test("a rule asks for what it needs, one thing at a time, and nothing of it happens before")
    func needs() {
        var set = WorkingSet(head: Head(lastRef: 0, oldestRef: 1, lastLeaseID: 7, time: now))
        #expect(run([.set("a", "1", lease: 7)], on: &set) == .need(.record("a")))
        set.load(record: nil, for: "a")
        #expect(run([.set("a", "1", lease: 7)], on: &set) == .need(.lease(7)))
        set.load(lease: nil, for: 7)
        #expect(run([.set("a", "1", lease: 7)], on: &set) == .need(.keysOnLease(7, limit: 1)))
        set.load(keys: [], on: 7)
        #expect(run([.set("a", "1", lease: 7)], on: &set) == .failed(.leaseNotFound))
        #expect(run([.acknowledge(consumer: "c", through: 0)], on: &set) == .need(.consumer("c")))
        #expect(run([], if: [Condition("b", .absent)], on: &set) == .need(.record("b")))
        #expect(run([.deleteRange(.all)], on: &set) == .need(.keysInRange(.all, limit: 100_001)))
        #expect(!set.isChanged)
    }

    @Test("a set says what a new key is")
    func created() {
        var set = WorkingSet(head: Head(lastRef: 41, oldestRef: 1, lastLeaseID: 6, time: now))
        set.load(record: nil, for: "a")
        let record = Record(
            key: "a", value: "1", version: 1, createdVersion: 1, createdRef: 42, updatedRef: 42, deletedRef: nil,
            leaseID: 7)
        #expect(run([.set("a", "1")], on: &set) == .done(TransactionResult(results: [.written(record)], ref: 42)))
        #expect(set.changes.records == [record])
        #expect(set.changes.head.lastRef == 42)
        #expect(set.changes.head.lastLeaseID == 7)
        // A lease without a deadline costs no write.
        #expect(set.changes.leases.isEmpty)
    }

    @Test("a set of a tombstone is a new life with the next version")
    func recreated() {
        let tombstone = Record(
            key: "a", value: "", version: 4, createdVersion: 1, createdRef: 10, updatedRef: 20, deletedRef: 20,
            leaseID: 3)
        var set = WorkingSet(head: Head(lastRef: 41, oldestRef: 1, lastLeaseID: 6, time: now))
        set.load(record: tombstone, for: "a")
        let record = Record(
            key: "a", value: "1", version: 5, createdVersion: 5, createdRef: 42, updatedRef: 42, deletedRef: nil,
            leaseID: 7)
        #expect(
            run([.set("a", "1", expiry: .after(.seconds(1)))], on: &set)
                == .done(TransactionResult(results: [.written(record)], ref: 42)))
        #expect(set.changes.events.map(\.previousRef) == [20])
        #expect(
            set.changes.leases[7]
                == Lease(id: 7, deadline: Timestamp(microseconds: 1_001_000), duration: .seconds(1), isGranted: false))
    }

    @Test("a transaction that fails takes back records, leases, consumers, refs and lease numbers")
    func takenBack() {
        var set = WorkingSet(head: .empty)
        set.load(record: nil, for: "a")
        set.load(record: nil, for: "b")
        set.load(consumer: nil, for: "c")
        guard case .done = run([.set("a", "1", expiry: .after(.seconds(1)))], on: &set) else {
            Issue.record("the set was not decided")
            return
        }
        set.load(keys: [], on: 1)
        let before = set.changes
        let outcome = run(
            [
                .set("b", "1"), .delete("a"), .grantLease(duration: nil), .acknowledge(consumer: "c", through: 2),
                .acknowledge(consumer: "c", through: 99),
            ], on: &set)
        #expect(outcome == .failed(.futureRef))
        #expect(set.changes.head == before.head)
        #expect(set.changes.events == before.events)
        #expect(set.changes.leases == before.leases)
        #expect(set.changes.consumers.isEmpty)
        #expect(
            run([.get("a"), .get("b")], on: &set)
                == .done(
                    TransactionResult(results: [.read(before.records.first), .read(nil)], ref: 1)))
    }

    @Test("the keys on a lease follow what the batch did")
    func keysOnLease() throws {
        var set = WorkingSet(head: .empty)
        for key: Key in ["a", "b"] { set.load(record: nil, for: key) }
        #expect(
            run([.grantLease(duration: nil), .set("b", "1", lease: 1), .set("a", "1", lease: 1)], on: &set)
                != .failed(.leaseNotFound))
        set.load(keys: [], on: 1)
        #expect(try set.keys(on: 1, limit: 10) == ["a", "b"])
        _ = run([.delete("a")], on: &set)
        #expect(try set.keys(on: 1, limit: 10) == ["b"])
        _ = run([.expireLease(1)], on: &set)
        #expect(try set.keys(on: 1, limit: 10).isEmpty)
        #expect(set.changes.events.map(\.kind) == [.created, .created, .deleted, .expired])
    }
}

@Suite("record phase")
struct RecordPhaseTests {
    private func event(_ ref: Ref, _ key: Key) -> Event {
        Event(
            ref: ref, kind: .updated, key: key, version: 2, value: "1", leaseID: 1, createdRef: 1, createdVersion: 1,
            previousRef: 1, time: Timestamp(microseconds: 0))
    }

    @Test("an event is news if it is later than the page that covers its key")
    func reflects() {
        var phase = RecordPhase(ranges: [KeyRange(from: "a", to: nil)])
        #expect(phase.isFirst)
        #expect(phase.next == KeyRange(from: "a", to: nil))
        #expect(!phase.reflects(event(1, "b")))
        phase.note(next: "g", head: 10)
        phase.note(next: "n", head: 20)
        #expect(phase.next == KeyRange(from: "n", to: nil))
        // Below g as of 10, from g below n as of 20, from n on not read yet.
        for (ref, key, shown) in [
            (10, "b", true), (11, "b", false), (11, "g", true), (20, "m", true), (21, "m", false), (5, "n", false),
            (20, "z", false),
        ] as [(Ref, Key, Bool)] {
            #expect(phase.reflects(event(ref, key)) == shown, "\(ref) \(key)")
        }
        phase.note(next: nil, head: 30)
        #expect(phase.next == nil)
        for (ref, key, shown) in [(30, "z", true), (31, "z", false), (30, "b", false), (15, "g", true)]
            as [(Ref, Key, Bool)]
        {
            #expect(phase.reflects(event(ref, key)) == shown, "\(ref) \(key)")
        }
        phase.forget(upTo: 29)
        #expect(phase.reflects(event(30, "z")))
        phase.forget(upTo: 30)
        #expect(!phase.reflects(event(30, "z")))
    }

    @Test("ranges are read one after the other, each with pages of its own")
    func ranges() {
        var phase = RecordPhase(ranges: [KeyRange(from: "b", to: "d"), KeyRange(from: "x", to: "z")])
        #expect(phase.next == KeyRange(from: "b", to: "d"))
        phase.note(next: "c", head: 10)
        #expect(phase.next == KeyRange(from: "c", to: "d"))
        phase.note(next: nil, head: 20)
        #expect(phase.next == KeyRange(from: "x", to: "z"))
        for (ref, key, shown) in [(10, "b", true), (11, "b", false), (20, "c", true), (5, "x", false)]
            as [(Ref, Key, Bool)]
        {
            #expect(phase.reflects(event(ref, key)) == shown, "\(ref) \(key)")
        }
        phase.note(next: nil, head: 30)
        #expect(phase.next == nil)
        #expect(phase.reflects(event(30, "y")) && !phase.reflects(event(31, "y")))
        #expect(RecordPhase(ranges: []).next == nil)
    }
}
