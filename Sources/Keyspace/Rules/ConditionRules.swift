internal import CairnModel

// Whether a condition holds. A key that does not exist has version 0, refs 0, no lease and no value.

extension WorkingSet {
    /// The first condition that does not hold.
    func firstFailed(of conditions: [Condition]) throws(Stop) -> FailedCondition? {
        for (index, condition) in conditions.enumerated() {
            let record = try liveRecord(condition.key)
            if !condition.test.holds(for: record) {
                return FailedCondition(
                    index: index, condition: condition, version: record?.version ?? 0,
                    updatedRef: record?.updatedRef ?? .zero)
            }
        }
        return nil
    }
}

extension Condition.Test {
    /// Whether the test holds for a live record, or for a key that does not exist.
    func holds(for record: Record?) -> Bool {
        switch self {
        case .absent: record == nil
        case .present: record != nil
        case .version(let comparison, let version): comparison.holds(record?.version ?? 0, version)
        case .createdRef(let comparison, let ref): comparison.holds(record?.createdRef ?? .zero, ref)
        case .updatedRef(let comparison, let ref): comparison.holds(record?.updatedRef ?? .zero, ref)
        case .lease(let comparison, let id): comparison.holds(record?.leaseID ?? 0, id)
        case .lockToken(let comparison, let token): comparison.holds(record?.lockToken ?? .zero, token)
        case .value(let comparison, let value):
            if let record {
                comparison.holds(ComparedValue(record.value), ComparedValue(value))
            } else {
                comparison == .notEqual
            }
        }
    }
}

extension Condition.Comparison {
    fileprivate func holds<Figure: Comparable>(_ actual: Figure, _ given: Figure) -> Bool {
        switch self {
        case .equal: actual == given
        case .notEqual: actual != given
        case .less: actual < given
        case .greater: actual > given
        }
    }
}

/// A value in the order of its bytes; values of different kinds are ordered by kind.
private struct ComparedValue: Comparable {
    let value: Value

    init(_ value: Value) { self.value = value }

    static func < (a: ComparedValue, b: ComparedValue) -> Bool {
        a.value.kind == b.value.kind
            ? a.value.bytes.lexicographicallyPrecedes(b.value.bytes) : a.value.kind.rawValue < b.value.kind.rawValue
    }
}
