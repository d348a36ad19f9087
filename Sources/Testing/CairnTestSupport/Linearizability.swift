public import CairnModel

/// What one client did to one key, and what it was told.
public struct RegisterCall: Hashable, Sendable {
    /// What was asked, with the answer.
    public enum Action: Hashable, Sendable {
        /// A read that found this value and version; `nil` for nothing there.
        case get(found: RegisterState?)
        /// A set that was answered with the version it made.
        case set(Value, version: Int64)
        /// A deletion that was answered with the tombstone's version, or found nothing.
        case delete(version: Int64?)
        /// A set that demanded a version (0: absent), answered with the version it made, or refused.
        case compareAndSet(expected: Int64, Value, version: Int64?)
        /// A set whose outcome is unknown: it may have happened at any time after it was sent, or not at all.
        case unknownSet(Value)
    }

    /// The key.
    public var key: Key
    /// When it was sent: any number that grows with time.
    public var start: Int
    /// When it was answered; `Int.max` if it never was.
    public var end: Int
    /// What it was.
    public var action: Action

    /// A call with each of its fields.
    public init(key: Key, start: Int, end: Int, action: Action) {
        self.key = key
        self.start = start
        self.end = end
        self.action = action
    }
}

/// What a live key holds.
public struct RegisterState: Hashable, Sendable {
    /// The value.
    public var value: Value
    /// The version.
    public var version: Int64

    /// A state with each of its fields.
    public init(_ value: Value, version: Int64) {
        self.value = value
        self.version = version
    }
}

/// Whether one order of the calls, each between its start and its end, explains every answer. Tells the key for which
/// there is none.
///
/// Linearizability is local (Herlihy and Wing), so each key is judged by itself. The search is Wing and Gong's, with
/// Lowe's memory of the configurations that were tried: which calls are placed, and what state they leave.
public func keyWithoutLinearization(_ calls: [RegisterCall]) -> Key? {
    Dictionary(grouping: calls, by: \.key).first { (_, calls) in
        var search = RegisterSearch(calls)
        return !search.succeeds()
    }?.key
}

/// The search for an order, for one key.
private struct RegisterSearch {
    /// What the key is like: tombstones keep the version.
    fileprivate struct State: Hashable {
        var value: Value?
        var version: Int64 = 0
    }

    fileprivate struct Configuration: Hashable {
        var placed: [UInt64]
        var state: State
    }

    private let calls: [RegisterCall]
    private var seen: Set<Configuration> = []

    init(_ calls: [RegisterCall]) { self.calls = calls.sorted { $0.start < $1.start } }

    /// Depth first, with a stack of its own: histories are longer than a thread's stack is deep.
    mutating func succeeds() -> Bool {
        let words = (calls.count + 63) / 64
        var stack = [Configuration(placed: Array(repeating: 0, count: words), state: State())]
        while let configuration = stack.popLast() {
            guard seen.insert(configuration).inserted else { continue }
            let open = calls.indices.filter { !configuration.has($0) }
            // Whatever was never answered need not have happened.
            if open.allSatisfy({ calls[$0].isOptional }) { return true }
            let firstEnd = open.map { calls[$0].end }.min() ?? .max
            for index in open where calls[index].start <= firstEnd {
                guard let state = after(calls[index].action, configuration.state) else { continue }
                stack.append(configuration.placing(index, state))
            }
        }
        return false
    }

    /// The state after a call, if the answer is right for the state before it.
    private func after(_ action: RegisterCall.Action, _ state: State) -> State? {
        switch action {
        case .get(let found):
            let here = state.value.map { RegisterState($0, version: state.version) }
            return found == here ? state : nil
        case .set(let value, let version):
            return version == state.version + 1 ? State(value: value, version: version) : nil
        case .delete(let version):
            guard let version else { return state.value == nil ? state : nil }
            return state.value != nil && version == state.version + 1 ? State(value: nil, version: version) : nil
        case .compareAndSet(let expected, let value, let version):
            let actual = state.value == nil ? 0 : state.version
            guard let version else { return actual != expected ? state : nil }
            return actual == expected && version == state.version + 1 ? State(value: value, version: version) : nil
        case .unknownSet(let value):
            return State(value: value, version: state.version + 1)
        }
    }
}

extension RegisterCall {
    fileprivate var isOptional: Bool { if case .unknownSet = action { true } else { false } }
}

extension RegisterSearch.Configuration {
    fileprivate func has(_ index: Int) -> Bool { placed[index / 64] & (1 << UInt64(index % 64)) != 0 }

    fileprivate func placing(_ index: Int, _ state: RegisterSearch.State) -> Self {
        var next = self
        next.placed[index / 64] |= 1 << UInt64(index % 64)
        next.state = state
        return next
    }
}
