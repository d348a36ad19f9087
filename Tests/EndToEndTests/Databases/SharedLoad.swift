import CairnClient
import CairnModel
import CairnTestSupport
import Testing

/// Writers on several servers of one store while something goes wrong, and what must hold afterwards.
///
/// Every write has a request id, so clients repeat it with whichever server answers: no outcome may stay unknown.
struct SharedLoad {
    let replicas: Replicas
    let seed: UInt64
    var writers = 6
    var transactionsPerWriter = 80
    private let ledger = WriteLedger()

    init(on replicas: Replicas, seed: UInt64) {
        self.replicas = replicas
        self.seed = seed
    }

    /// Runs the writers and, beside them, `trouble`, which is given the ledger to wait for their progress. Then holds
    /// the log against what the writers were told.
    func run(during trouble: @escaping @Sendable (WriteLedger) async throws -> Void) async throws {
        var clients: [CairnClient] = []
        for number in 0..<writers { clients.append(try replicas.client(number)) }
        let watcher = try replicas.client(1)
        let request = WatchRequest(range: .all, start: .ref(.zero))
        var live = try await watcher.watch(request).makeAsyncIterator()
        let areDone = try await withThrowingTaskGroup(of: Bool.self) { group in
            for (number, client) in clients.enumerated() {
                group.addTask {
                    var writer = RandomWriter("w\(number)", on: client, ledger, seed: seed &+ UInt64(number))
                    writer.isRepeatable = true
                    return await writer.run(transactionsPerWriter)
                }
            }
            group.addTask {
                try await trouble(ledger)
                return true
            }
            return try await group.reduce(true) { $0 && $1 }
        }
        #expect(areDone, "a writer was left without an answer, CAIRN_SEED=\(seed)")
        let head = try await clients[0].status().headRef
        var checker = StreamChecker(request)
        while checker.position < head, let update = try await live.next() { checker.take(update) }
        try await expectOneLog(checker)
        for client in clients + [watcher] { await client.close() }
    }

    /// The log is the same through every server, without gaps, has what was acknowledged and nothing else; what must
    /// expire does, once.
    private func expectOneLog(_ checker: StreamChecker) async throws {
        var checker = checker
        var replay = LogReplay()
        var first: [Event] = []
        for number in 0..<replicas.count {
            let client = try replicas.client(only: number)
            var events: [Event] = []
            // All that was told to the watcher, and maybe more.
            for try await update in try await client.watch(
                WatchRequest(range: .all, start: .ref(1), untilHead: true))
            {
                if case .events(let more) = update { events += more }
            }
            if number == 0 {
                first = events
                for event in events { replay.take(event) }
            }
            let common = Swift.min(first.count, events.count)
            #expect(common > 0 && first[..<common] == events[..<common], "replica \(number), CAIRN_SEED=\(seed)")
            await client.close()
        }
        replay.compare(with: ledger.all)
        #expect(replay.problems.isEmpty, "CAIRN_SEED=\(seed): \(replay.problems.prefix(5))")
        let problem = checker.finish(log: Array(first.prefix(checker.events.count)), wholeTransactions: false)
        #expect(problem == nil, "CAIRN_SEED=\(seed): \(String(describing: problem))")
        try await expectExpiries(&replay)
    }

    private func expectExpiries(_ replay: inout LogReplay) async throws {
        let client = try replicas.client()
        var updates = try await client.watch(WatchRequest(range: .all, start: .ref(replay.head.next)))
            .makeAsyncIterator()
        // The test's time limit ends this wait if something never expires.
        while !replay.mortals.isEmpty, let update = try await updates.next() {
            if case .events(let events) = update { for event in events { replay.take(event) } }
        }
        #expect(replay.problems.isEmpty, "CAIRN_SEED=\(seed): \(replay.problems.prefix(5))")
        let listed = try await client.list(ListRequest(range: .all)).records
        replay.compare(with: listed)
        #expect(replay.problems.isEmpty, "CAIRN_SEED=\(seed): \(replay.problems.prefix(5))")
        await client.close()
    }
}
