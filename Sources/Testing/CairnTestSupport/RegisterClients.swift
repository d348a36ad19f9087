public import CairnModel
internal import Synchronization

/// Clients that get, set, delete and compare-and-set a few keys of a store at once, and note what they did and were
/// told.
public struct RegisterClients: Sendable {
    /// How many there are.
    public var clients = 4
    /// What each does.
    public var callsPerClient = 50
    /// The keys.
    public var keys: [Key] = ["x", "y", "z"]
    /// Whether every write has a request id, so that no outcome stays unknown as long as some server answers.
    public var usesRequestIDs = false
    /// What repeats their choices.
    public var seed: UInt64

    /// Four clients that make fifty calls each on three keys.
    public init(seed: UInt64) { self.seed = seed }

    /// Runs them on a store whose keys were never set; every value is set once. An error whose outcome is unknown is
    /// noted as such, any other is thrown.
    public func run(on store: any Store) async throws(StoreError) -> [RegisterCall] {
        try await run(on: [store])
    }

    /// The same with several ways to one store, such as connections of their own; each client takes the next.
    public func run(on stores: [any Store]) async throws(StoreError) -> [RegisterCall] {
        let ticks = Ticks()
        var calls: [RegisterCall] = []
        let noted = await withTaskGroup(of: Result<[RegisterCall], StoreError>.self) { group in
            for client in 0..<clients {
                group.addTask {
                    do throws(StoreError) {
                        return .success(try await run(client, on: stores[client % stores.count], ticks))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for result in noted { calls += try result.get() }
        return calls
    }

    private func run(_ client: Int, on store: any Store, _ ticks: Ticks) async throws(StoreError) -> [RegisterCall] {
        var random = SeededGenerator(seed: seed &+ UInt64(client) &* 1_000_003)
        var calls: [RegisterCall] = []
        var seen: [Key: Int64] = [:]
        for number in 0..<callsPerClient {
            let key = random.pick(keys)
            let value = Value("\(client)/\(number)")
            let start = ticks.next()
            let request: RequestID? = usesRequestIDs ? .random(using: &random) : nil
            let choice = random.below(8)
            let action: RegisterCall.Action
            switch choice {
            case 0..<3:
                let record = try await store.get(key)
                action = .get(found: record.map { RegisterState($0.value, version: $0.version) })
                seen[key] = record?.version ?? 0
            case 3:
                action = .delete(
                    version: try await answer(.keyNotFound) { () async throws(StoreError) in
                        try await store.delete(key, requestID: request).version
                    })
            case 4..<7:
                let expected = seen[key] ?? 0
                let version = try await answer(.conditionFailed) { () async throws(StoreError) in
                    try await store.set(key, value, if: .version(.equal, expected), requestID: request).version
                }
                action = .compareAndSet(expected: expected, value, version: version)
                seen[key] = version ?? seen[key]
            default:
                do throws(StoreError) {
                    action = .set(value, version: try await store.set(key, value, requestID: request).version)
                } catch {
                    guard error.retry == .unknownOutcome else { throw error }
                    action = .unknownSet(value)
                }
            }
            let end = if case .unknownSet = action { Int.max } else { ticks.next() }
            calls.append(RegisterCall(key: key, start: start, end: end, action: action))
        }
        return calls
    }

    /// What `body` returns, or `nil` if it is refused with `code`.
    private func answer(
        _ code: StoreError.Code, _ body: () async throws(StoreError) -> Int64
    ) async throws(StoreError) -> Int64? {
        do throws(StoreError) {
            return try await body()
        } catch {
            guard error.code == code else { throw error }
            return nil
        }
    }

    /// Numbers in the order in which they are taken, by whichever task.
    private final class Ticks: Sendable {
        private let last = Atomic<Int>(0)

        func next() -> Int { last.add(1, ordering: .sequentiallyConsistent).newValue }
    }
}
