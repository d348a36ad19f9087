internal import CairnModel

/// Notices what other processes write to a home that is shared.
enum Follower {
    /// Has the committer take notice whenever the engine tells of news; an engine that doesn't tell is asked every
    /// `interval`. Until the task is cancelled.
    static func run(engine: any Engine, committer: Committer, hub: Hub, every interval: Duration) async {
        // One signal stands for any number that came since the last was taken.
        let (news, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        if engine.listen({ signal.yield() }) {
            for await _ in news { await committer.follow() }
            return
        }
        while !Task.isCancelled {
            guard (try? await Task.sleep(for: interval)) != nil else { return }
            if engine.mayHaveForeignChanges(since: hub.head) { await committer.follow() }
        }
    }
}
