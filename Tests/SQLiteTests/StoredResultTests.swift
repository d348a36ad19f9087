import CairnKeyspace
import CairnModel
import CairnSQLite
import Testing

@Suite("SQLite: remembered results")
struct StoredResultTests {
    @Test("a result comes back exactly, whatever is in it", arguments: [1, UInt64.random(in: 2...(.max))])
    func roundTrip(seed: UInt64) throws {
        var generator = ResultGenerator(numbers: SplitMix(seed: seed))
        try withEngine { store, _ throws in
            for _ in 0..<20 {
                let results = Dictionary(
                    uniqueKeysWithValues: (0..<20).map { _ in (RequestID.random(), generator.result()) }
                )
                try store.engine.commit { (view) throws(StoreError) in
                    var changes = Changes(head: try view.head())
                    changes.results = results
                    return changes
                }
                for (id, result) in results {
                    let stored = try store.engine.read { (view) throws(StoreError) in try view.result(of: id) }
                    #expect(stored == result, "seed \(seed)")
                }
            }
        }
    }
}

private struct ResultGenerator {
    var numbers: SplitMix

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &numbers) }
    mutating func number() -> Int64 {
        [0, 1, -1, .max, .min, Int64(bitPattern: numbers.next()), 9_007_199_254_740_993][below(7)]
    }
    mutating func bytes() -> [UInt8] { (0..<below(40)).map { _ in UInt8.random(in: 0...255, using: &numbers) } }
    mutating func value() -> Value {
        Value(kind: Value.Kind(rawValue: Int32(truncatingIfNeeded: number())), bytes: bytes())
    }

    mutating func record() -> Record {
        Record(
            key: Key(bytes: bytes()),
            value: value(),
            version: number(),
            createdVersion: number(),
            createdRef: Ref(number()),
            updatedRef: Ref(number()),
            deletedRef: below(2) == 0 ? nil : Ref(number()),
            leaseID: LeaseID(number())
        )
    }

    mutating func lease() -> Lease {
        Lease(
            id: LeaseID(number()),
            deadline: below(2) == 0 ? nil : Timestamp(microseconds: number()),
            duration: below(2) == 0
                ? nil
                : Duration(secondsComponent: Int64(below(1 << 30)), attosecondsComponent: Int64(below(1_000_000_000))),
            isGranted: below(2) == 0
        )
    }

    mutating func comparison() -> Condition.Comparison { Condition.Comparison.allCases[below(4)] }

    mutating func condition() -> Condition {
        let test: Condition.Test =
            switch below(7) {
            case 0: .absent
            case 1: .present
            case 2: .version(comparison(), number())
            case 3: .createdRef(comparison(), Ref(number()))
            case 4: .updatedRef(comparison(), Ref(number()))
            case 5: .lease(comparison(), LeaseID(number()))
            default: .value(comparison(), value())
            }
        return Condition(Key(bytes: bytes()), test)
    }

    mutating func operation() -> OperationResult {
        switch below(7) {
        case 0: .written(record())
        case 1: .deleted((0..<below(3)).map { _ in record() })
        case 2: .read(record())
        case 3: .read(nil)
        case 4: .lease(lease())
        case 5:
            .consumer(
                Consumer(
                    name: ["", "a\"b\\", "ü\n\0", "日本"][below(4)],
                    cursor: Ref(number()),
                    updatedAt: Timestamp(microseconds: number())
                )
            )
        default: .none
        }
    }

    mutating func result() -> TransactionResult {
        let failed =
            below(2) == 0
            ? nil
            : FailedCondition(index: below(9), condition: condition(), version: number(), updatedRef: Ref(number()))
        return TransactionResult(
            failedCondition: failed,
            results: (0..<below(5)).map { _ in operation() },
            ref: Ref(number())
        )
    }
}
