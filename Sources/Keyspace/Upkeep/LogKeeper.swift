internal import CairnModel
internal import Logging

/// Keeps the log to its retention, frees what was compacted, and tells idle watchers how far the log has come.
struct LogKeeper: Sendable {
    let engine: any Engine
    let committer: Committer
    let hub: Hub
    let reads: ReadQueue
    let options: KeyspaceOptions
    /// How much of the log to keep, which may change.
    let retention: @Sendable () -> Retention

    /// How often the age of a log is looked at that has not grown.
    private static let idleInterval = Duration.seconds(10)

    /// Runs until the task is cancelled.
    func run() async {
        var rounds = 0
        var looked = (head: Ref.zero, time: Timestamp(microseconds: 0))
        while !Task.isCancelled {
            let next = options.clock.now() + options.upkeepInterval
            guard (try? await options.clock.sleep(until: next)) != nil else { return }
            hub.reportProgress()
            rounds += 1
            guard engine.isOnDuty else { continue }
            do throws(StoreError) {
                // A log that has not grown only gets older, and that may wait.
                let (head, now) = (hub.head, options.clock.now())
                if head != looked.head || now >= looked.time + LogKeeper.idleInterval {
                    try await compact()
                    looked = (head, now)
                }
                if rounds % 60 == 0 { await committer.forgetOldRequests() }
                await committer.trim()
            } catch {
                if error.code != .closed {
                    options.logger.error("upkeep failed", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func compact() async throws(StoreError) {
        let (retention, clock) = (retention(), options.clock)
        guard retention != .unlimited else { return }
        let oldest = try await reads.run { (view) throws(StoreError) -> Ref? in
            let head = try view.head()
            let byCount = retention.oldestByCount(head: head)
            let now = try view.time() ?? clock.now()
            let byAge = try retention.oldestByAge(head: head, now: now) { (ref) throws(StoreError) in
                try view.events(from: ref, limit: 1, bytes: 1).first?.time
            }
            return [byCount, byAge].compactMap { $0 }.max()
        }
        if let oldest { _ = try await committer.commit(Transaction(then: [.compact(before: oldest)])) }
    }
}
