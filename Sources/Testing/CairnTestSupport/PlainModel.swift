public import CairnModel

/// What a store does, in the simplest way that could be right: dictionaries, one transaction at a time, copy and put
/// back.
///
/// Written from the sentences of the contract and from nothing else, so that the rules can be held against it. Unlike
/// the rules it keeps every lease there is, and finds abandoned ones by looking at all keys.
public struct PlainModel: Sendable {
    /// What a transaction is answered with.
    public enum Answer: Hashable, Sendable {
        /// It happened.
        case done(TransactionResult)
        /// It was refused for this reason.
        case refused(StoreError.Code)

        /// What a store answered, without what it said of its reasons.
        public init(_ answer: Result<TransactionResult, StoreError>) {
            switch answer {
            case .success(let result): self = .done(result)
            case .failure(let error): self = .refused(error.code)
            }
        }
    }

    /// All that there is at one moment, but the log.
    struct State: Sendable {
        var records: [Key: Record] = [:]
        var leases: [LeaseID: Lease] = [:]
        var locks: [Ref: Lock] = [:]
        var consumers: [String: Consumer] = [:]
        var requests: [RequestID: TransactionResult] = [:]
        var lastRef = Ref.zero
        var oldestRef: Ref = 1
        var lastLeaseID: LeaseID = 0
    }

    var state = State()
    /// Every event ever, those that were compacted away too.
    public internal(set) var events: [Event] = []
    /// The time of the last transaction.
    public internal(set) var time = Timestamp(microseconds: 0)
    let limits: Limits

    /// An empty store.
    public init(limits: Limits = .standard) { self.limits = limits }

    /// Every record ever, tombstones included.
    public var records: [Key: Record] { state.records }
    /// Every lease that lives: granted ones, and those that some live key is on.
    public var leases: [LeaseID: Lease] { state.leases }
    /// Every lock.
    public var locks: [Ref: Lock] { state.locks }
    /// Every consumer.
    public var consumers: [String: Consumer] { state.consumers }
    /// The last event.
    public var lastRef: Ref { state.lastRef }
    /// The oldest event that may be read.
    public var oldestRef: Ref { state.oldestRef }

    /// The live keys on a lease, in order.
    public func keys(on lease: LeaseID) -> [Key] { state.keys(on: lease) }

    /// Ends every lease whose deadline has passed at `now`, the earliest first, then every such lock, each as a
    /// transaction of its own.
    public mutating func expireDue(at now: Timestamp) {
        let now = max(now, time)
        let due = state.leases.values.filter { $0.isDue(at: now) }
            .sorted { ($0.deadline!, $0.id) < ($1.deadline!, $1.id) }
        for lease in due {
            var step = Step(state: state, now: now, clientID: "", limits: limits)
            _ = step.end(lease.id)
            keep(step)
        }
        let dueLocks = state.locks.values.filter { $0.isDue(at: now) }
            .sorted { ($0.deadline, $0.token) < ($1.deadline, $1.token) }
        for lock in dueLocks {
            var step = Step(state: state, now: now, clientID: "", limits: limits)
            if let live = step.state.live(lock.key) { _ = step.endLock(of: live) }
            keep(step)
        }
        if !due.isEmpty || !dueLocks.isEmpty { time = now }
    }

    /// Runs a transaction at `now`, after ``expireDue(at:)``. A failed one changes nothing.
    public mutating func run(
        _ transaction: Transaction, at now: Timestamp
    ) -> Answer {
        do throws(Refusal) {
            try transaction.validate(limits)
            if let id = transaction.requestID, let earlier = state.requests[id] { return .done(earlier) }
            let now = max(now, time)
            var step = Step(state: state, now: now, clientID: transaction.clientID, limits: limits)
            let result = try step.run(transaction)
            if step.hasChanged { time = now }
            keep(step)
            return .done(result)
        } catch {
            return .refused(error.code)
        }
    }

    /// Makes a step's effects the store's.
    private mutating func keep(_ step: Step) {
        state = step.state
        for (index, event) in step.events.enumerated() {
            var event = event
            event.transactionIndex = Int32(index)
            event.transactionCount = Int32(step.events.count)
            events.append(event)
        }
    }
}

/// Why the model refuses a transaction.
struct Refusal: Error {
    let code: StoreError.Code
}

extension PlainModel.State {
    func keys(on lease: LeaseID) -> [Key] {
        records.values.filter { $0.isLive && $0.leaseID == lease }.map(\.key).sorted()
    }

    func live(_ key: Key) -> Record? { records[key].flatMap { $0.isLive ? $0 : nil } }
}
