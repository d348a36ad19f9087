internal import CairnModel
internal import Synchronization

/// Tells watchers of reads.
///
/// While nobody watches for reads, a reader loads one boolean. While somebody does, it puts its access into a queue of
/// a bounded size, and goes on; whether anybody wants that one is found out by one task, which takes all that waits to
/// the watchers. What finds no room is counted, and the watchers are told how many those were.
final class AccessFeed: Sendable {
    private struct State {
        var queue: AccessQueue
        var index = WatchIndex()
        /// Whether a task is taking accesses to the watchers.
        var isDistributing = false
    }

    private let state: Mutex<State>
    private let isCounted: Bool
    private let wanted: Atomic<Bool>
    private let watched = Atomic<Bool>(false)
    private let start: @Sendable (@escaping @Sendable () async -> Void) -> Void

    /// A feed without watchers. `isCounted` says that reads are noted by others too. `start` runs what it is given, by
    /// and by and not before it returns.
    init(
        isCounted: Bool = false, queueLimit: Int = 4 << 20,
        start: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Void = AccessFeed.inTask
    ) {
        state = Mutex(State(queue: AccessQueue(limit: queueLimit)))
        self.isCounted = isCounted
        wanted = Atomic(isCounted)
        self.start = start
    }

    /// Whether anybody wants to know of reads, a watcher or who counts them.
    var isWanted: Bool { wanted.load(ordering: .relaxed) }

    /// Whether there are watchers.
    var isWatched: Bool { watched.load(ordering: .relaxed) }

    /// How many accesses wait to be taken to the watchers.
    var waitingCount: Int { state.withLock { $0.queue.count } }

    /// Adds a watcher: it is told of what is read after this returns.
    func add(_ watcher: Watcher) {
        state.withLock { state in
            state.index.insert(watcher)
            setFlags(isWatched: true)
        }
    }

    /// Removes a watcher, if it is there.
    func remove(_ watcher: Watcher) {
        state.withLock { state in
            state.index.remove(watcher)
            setFlags(isWatched: !state.index.isEmpty)
        }
    }

    /// Removes every watcher.
    func removeAll() {
        state.withLock { state in
            state.index = WatchIndex()
            setFlags(isWatched: false)
        }
    }

    private func setFlags(isWatched: Bool) {
        watched.store(isWatched, ordering: .relaxed)
        wanted.store(isWatched || isCounted, ordering: .relaxed)
    }

    /// Notes a read. Costs the reader a queue's lock and, for the first after a pause, the start of a task.
    func note(_ access: KeyAccess) {
        let isFirst = state.withLock { state in
            guard !state.index.isEmpty else { return false }
            state.queue.add(access)
            defer { state.isDistributing = true }
            return !state.isDistributing
        }
        if isFirst { start { [self] in await distribute() } }
    }

    /// Takes what waits to the watchers, until nothing does.
    private func distribute() async {
        while let (batch, watchers) = next() {
            AccessFeed.distribute(batch.accesses, missed: batch.missed, to: watchers)
            // Reads may come without a pause; others want the thread as well.
            await Task.yield()
        }
    }

    private func next() -> (batch: (accesses: [KeyAccess], missed: Int), watchers: WatchIndex)? {
        state.withLock { state in
            if state.queue.isEmpty {
                state.isDistributing = false
                return nil
            }
            return (state.queue.take(), state.index)
        }
    }

    /// Gives each watcher its share. Not under the feed's lock, so that readers never wait for it.
    private static func distribute(_ accesses: [KeyAccess], missed: Int, to index: WatchIndex) {
        var shares: [ObjectIdentifier: (watcher: Watcher, accesses: [KeyAccess])] = [:]
        for access in accesses {
            index.forEachWatcher(of: access.key) { watcher in
                guard watcher.wants(access) else { return }
                shares[ObjectIdentifier(watcher), default: (watcher, [])].accesses.append(access)
            }
        }
        for share in shares.values { share.watcher.offer(share.accesses, missed: 0) }
        guard missed > 0 else { return }
        for watcher in index.all { watcher.offer([], missed: missed) }
    }

    private static let inTask: @Sendable (@escaping @Sendable () async -> Void) -> Void = { body in
        // Unstructured, as the reader must not wait for it; detached, as it is not of the read's call. It ends by
        // itself when there is nothing left to tell.
        Task.detached { await body() }
    }
}
