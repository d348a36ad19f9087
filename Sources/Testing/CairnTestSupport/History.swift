public import CairnModel

/// What happens to a store, one step after the other.
public enum HistoryStep: Sendable {
    /// The clock moves; what is due expires with the next batch. Negative turns it back.
    case advance(Duration)
    /// Transactions that are decided and stored as one batch.
    case batch([Transaction])
}

/// A random history: a few transactions over a few keys, leases and consumers, so that they meet.
public struct History: Sendable {
    /// What repeats it.
    public let seed: UInt64
    /// The limits to run it with; narrow in some histories, so that they are met.
    public let limits: Limits
    /// What happens.
    public let steps: [HistoryStep]

    /// The history of a seed: 5 to 30 transactions.
    public init(seed: UInt64) {
        var maker = HistoryMaker(seed: seed)
        var limits = Limits.standard
        limits.keyBytes = 16
        limits.valueBytes = 8
        if maker.random.once(in: 3) { limits.transactionEvents = 1 + maker.random.below(4) }
        var steps: [HistoryStep] = []
        var transactions = 5 + maker.random.below(maker.random.once(in: 12) ? 26 : 4)
        while transactions > 0 {
            if maker.random.once(in: 4) {
                steps.append(.advance(maker.advance()))
            } else {
                let count = min(transactions, 1 + maker.random.below(4))
                steps.append(.batch((0..<count).map { _ in maker.transaction() }))
                transactions -= count
            }
        }
        self.init(seed: seed, limits: limits, steps: steps)
    }

    /// A history with each of its parts.
    public init(seed: UInt64, limits: Limits, steps: [HistoryStep]) {
        self.seed = seed
        self.limits = limits
        self.steps = steps
    }

    /// The first `count` steps.
    public func prefix(_ count: Int) -> History {
        History(seed: seed, limits: limits, steps: Array(steps.prefix(count)))
    }

    /// The keys that histories are made of: neighbours in every way that has ever gone wrong.
    public static let keys: [Key] = [
        "a", "a/b", "a/c", "b", "B", Key(bytes: [0x61, 0]), Key(bytes: [0xFF]), Key(bytes: [0xFF, 0xFF, 1]),
    ]
    /// The consumers.
    public static let consumers = ["c", "d", "é"]
    /// The numbers of leases that transactions speak of.
    public static let leases: [LeaseID] =
        (1...7).map { LeaseID($0) } + [.firstChosen, LeaseID(LeaseID.firstChosen.rawValue + 1)]
        + (1...3).map { LeaseID(LeaseID.firstLifespan.rawValue + $0) }
    /// The request ids that transactions carry, if any.
    public static let requests: [RequestID] = (0..<3).map { number in
        var random = SeededGenerator(seed: UInt64(number))
        return RequestID.random(using: &random)
    }
}

/// Makes the parts of a history.
private struct HistoryMaker {
    private static let start = Timestamp(microseconds: 1_000_000_000)
    var random: SeededGenerator
    private var now = HistoryMaker.start
    private var writes = 0
    private static let values: [Value] = [
        "", "1", "2", "é", Value(bytes: [0xFF, 0]), Value(kind: .typed, bytes: Array("\u{3}a/b1".utf8)),
        // No form that a value with a type has.
        Value(kind: .typed, bytes: [9]),
    ]
    private static let prefixes: [Key] = ["", "a", "a/", "b", Key(bytes: [0xFF])]
    private static let comparisons = Condition.Comparison.allCases

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func advance() -> Duration {
        let duration = Duration.seconds(random.once(in: 12) ? -random.below(4) : random.below(6))
        now = now + duration
        return duration
    }

    mutating func transaction() -> Transaction {
        writes += 1
        var transaction = Transaction(then: operations())
        if random.once(in: 3) {
            transaction.conditions = (0...random.below(2)).map { _ in Condition(random.pick(History.keys), test()) }
            if random.once(in: 3) { transaction.otherwise = operations() }
        }
        if random.once(in: 2) { transaction.clientID = random.pick(["me", "you"]) }
        if random.once(in: 12) { transaction.requestID = random.pick(History.requests) }
        return transaction
    }

    private mutating func operations() -> [Operation] {
        var operations = [operation()]
        while random.once(in: 3) { operations.append(operation()) }
        return operations
    }

    private mutating func operation() -> Operation {
        switch random.below(44) {
        case 40, 41: return .touch(random.pick(History.keys))
        case 42, 43: return .prune(candidates())
        case 32..<36: return lock()
        case 36, 37: return .unlock(random.pick(History.keys))
        case 38: return .clear(range(), force: random.once(in: 2))
        case 0..<12: return set()
        case 12..<16: return .delete(random.pick(History.keys))
        case 16: return .deleteRange(range())
        case 17: return .get(random.pick(History.keys))
        case 18..<21: return .grantLease(id: chosenLease(), duration: random.once(in: 4) ? nil : duration())
        case 21..<24: return .keepAlive(random.pick(History.leases), expiry: expiry())
        case 24..<26: return .expireLease(random.pick(History.leases))
        case 26: return .acknowledge(consumer: random.pick(History.consumers), through: ref())
        case 27: return .resetConsumer(random.pick(History.consumers), to: ref())
        case 28: return random.once(in: 2) ? .deleteConsumer(random.pick(History.consumers)) : .compact(before: ref())
        case 29: return invalid()
        default: return set()
        }
    }

    private mutating func set() -> Operation {
        let key = random.pick(History.keys)
        let value = random.pick(HistoryMaker.values)
        let skips = random.once(in: 3)
        return random.once(in: 3)
            ? .set(key, value, lease: random.pick(History.leases), skipIfUnchanged: skips)
            : .set(key, value, expiry: expiry(), skipIfUnchanged: skips)
    }

    private mutating func candidates() -> [PruneCandidate] {
        (0...random.below(4)).map { _ in PruneCandidate(random.pick(History.keys), updatedRef: ref()) }
    }

    private mutating func lock() -> Operation {
        .lock(
            random.pick(History.keys), duration: duration(), mode: random.pick([.exclusive, .write]),
            createIfMissing: random.once(in: 3))
    }

    private mutating func invalid() -> Operation {
        switch random.below(8) {
        case 0: .set("", "1")
        case 1: .set(Key(bytes: Array(repeating: 1, count: 17)), "1")
        case 2: .set("a", "123456789")
        case 3: .set("a", "1", lease: 1, expiry: .after(.seconds(1)))
        case 4: .grantLease(id: 7, duration: nil)
        case 5: .lock("a", duration: .zero)
        case 6: .keepAlive(1, expiry: .lifespan(.seconds(1)))
        default: .resetConsumer(random.once(in: 2) ? "" : "c", to: -1)
        }
    }

    private mutating func chosenLease() -> LeaseID? {
        random.once(in: 2) ? nil : LeaseID(LeaseID.firstChosen.rawValue + Int64(random.below(2)))
    }

    private mutating func duration() -> Duration { .seconds(1 + random.below(5)) }

    private mutating func expiry() -> Expiry {
        switch random.below(10) {
        case 0..<5: .keep
        case 5: .lifespan(duration())
        case 6: .never
        case 7: .at(now + .seconds(random.below(6) - 1))
        default: .after(duration())
        }
    }

    /// A ref that is often there, sometimes gone, sometimes to come.
    private mutating func ref() -> Ref { Ref(Int64(random.below(2 * writes + 2))) }

    private mutating func range() -> KeyRange {
        if random.once(in: 2) { return KeyRange(prefix: random.pick(HistoryMaker.prefixes)) }
        return KeyRange(from: random.pick(History.keys), to: random.pick(History.keys))
    }

    private mutating func test() -> Condition.Test {
        let comparison = random.pick(HistoryMaker.comparisons)
        switch random.below(8) {
        case 7: return .lockToken(comparison, random.once(in: 2) ? 0 : ref())
        case 0: return .absent
        case 1: return .present
        case 2: return .version(comparison, Int64(random.below(4)))
        case 3: return .createdRef(comparison, ref())
        case 4: return .updatedRef(comparison, ref())
        case 5: return .value(comparison, random.pick(HistoryMaker.values))
        default: return .lease(comparison, random.pick(History.leases))
        }
    }

    /// Where histories' clocks start.
    static var clockStart: Timestamp { start }
}

extension History {
    /// What the clock shows before the first step.
    public static let start = HistoryMaker.clockStart
}
