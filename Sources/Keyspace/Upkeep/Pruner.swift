internal import CairnModel
internal import Logging

/// Prunes keys: at intervals, as soon as there are too many, when there is no room for a new one, and when asked to.
///
/// What it chooses it ends with transactions of a thousand keys, so that writers wait for no more than that. The rules
/// pass over what was locked or changed since it was chosen. One run at a time.
struct Pruner: Sendable {
    let engine: any Engine
    let committer: Committer
    let reads: ReadQueue
    let keyMetrics: KeyMetricsTable?
    private let growth: GrowthSignal
    private let options: PruningOptions
    private let limits: Limits
    private let clock: any WallClock
    private let logger: Logger
    private let figures: PruneFigures
    private let turn = Turn()

    /// How many keys end in one transaction.
    private static let chunk = 1_000

    init(
        engine: any Engine, committer: Committer, reads: ReadQueue, options: KeyspaceOptions,
        keyMetrics: KeyMetricsTable?, growth: GrowthSignal
    ) {
        self.engine = engine
        self.committer = committer
        self.reads = reads
        self.keyMetrics = keyMetrics
        self.growth = growth
        self.options = options.pruning
        limits = options.limits
        clock = options.clock
        logger = options.logger
        figures = PruneFigures(factory: options.metrics)
    }

    /// Whether there is anything to do without being asked.
    var runsByItself: Bool { options.at != nil || options.eagerAt != nil }

    /// Prunes whenever it is time to, until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await runAtIntervals() }
            group.addTask { await runEagerly() }
        }
    }

    private func runAtIntervals() async {
        guard let most = options.at, let target = options.target else { return }
        while true {
            guard (try? await clock.sleep(until: clock.now() + options.interval)) != nil else { return }
            if engine.isOnDuty { await attempt(.interval, to: target, from: most) }
        }
    }

    private func runEagerly() async {
        guard let most = options.eagerAt, let target = options.eagerTarget else { return }
        for await _ in growth.news where engine.isOnDuty { await attempt(.growth, to: target, from: most) }
    }

    /// Prunes to `target` if there are `most` keys.
    private func attempt(_ occasion: PruneOccasion, to target: Int, from most: Int) async {
        do throws(StoreError) {
            let count = try await prune(to: target, from: most, occasion: occasion)
            if count > 0 { logger.debug("pruned", metadata: ["keys": "\(count)", "occasion": "\(occasion.rawValue)"]) }
        } catch {
            if error.code != .closed { logger.error("pruning failed", metadata: ["error": "\(error)"]) }
        }
    }

    /// Prunes to `target` if there are `most` keys at least; returns how many keys it ended.
    func prune(
        to target: Int, from most: Int, ignoring ignored: Set<Key> = [], clientID: String = "", occasion: PruneOccasion
    ) async throws(StoreError) -> Int {
        await turn.take()
        defer { turn.give() }
        let count = try await liveKeys()
        guard count >= most else { return 0 }
        var pruned = 0
        defer { figures.ran(occasion, pruned: pruned) }
        var rest = try await chosen(count - target, ignoring: ignored)[...]
        while !rest.isEmpty {
            // Others delete keys, too, while this goes on.
            let excess = engine.size.keys.map { $0 - target } ?? .max
            let chunk = rest.prefix(min(Pruner.chunk, limits.transactionEvents, excess))
            if chunk.isEmpty { break }
            rest = rest.dropFirst(chunk.count)
            let result = try await committer.commit(Transaction(then: [.prune(Array(chunk))], clientID: clientID))
            if case .deleted(let tombstones)? = result.results.first { pruned += tombstones.count }
        }
        return pruned
    }

    /// Runs a transaction. If it fails because there are as many keys as there may be, prunes and tries again, once.
    func commitMakingRoom(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        do throws(StoreError) {
            return try await committer.commit(transaction)
        } catch {
            guard error.code == .maxKeys, try await makeRoom() else { throw error }
            return try await committer.commit(transaction)
        }
    }

    /// Whether ``makeRoom()`` may help.
    var canMakeRoom: Bool { limits.keys != nil && options.eagerTarget != nil }

    /// Prunes as eagerly as when there are too many keys, if there are as many as there may be. Returns whether there
    /// is room now.
    func makeRoom() async throws(StoreError) -> Bool {
        guard let most = limits.keys, let target = options.eagerTarget else { return false }
        _ = try await prune(to: min(target, most - 1), from: most, occasion: .limit)
        return try await liveKeys() < most
    }

    private func liveKeys() async throws(StoreError) -> Int {
        if let count = engine.size.keys { return count }
        var count = 0
        try await forEachLiveRecord { _ in count += 1 }
        return count
    }

    private func chosen(_ count: Int, ignoring ignored: Set<Key>) async throws(StoreError) -> [PruneCandidate] {
        guard count > 0 else { return [] }
        var selection = PruneSelection(count, options, ignoring: ignored, at: clock.now())
        try await forEachLiveRecord { selection.consider($0, keyMetrics?[$0.key]) }
        return selection.chosen()
    }

    /// Calls `body` with each live record, without its value; pages are of different moments.
    private func forEachLiveRecord(_ body: (Record) -> Void) async throws(StoreError) {
        // Memory is locked while a page is read; for any other home a page is a round trip.
        let limit = engine.blocks ? limits.pageEntries : Pruner.chunk
        var next = Key(bytes: [])
        while true {
            let range = KeyRange(from: next, to: nil)
            let page = try await reads.run { (view) throws(StoreError) in
                try view.records(in: range, limit: limit, bytes: .max, keysOnly: true)
            }
            for record in page { body(record) }
            guard page.count == limit, let last = page.last else { return }
            next = last.key.successor
            // A home in memory answers without waiting, and others want the thread, too.
            await Task.yield()
        }
    }
}
