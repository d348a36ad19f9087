internal import CairnModel

/// Notices what other processes write to a home that is shared.
enum Follower {
    /// Looks every `interval` whether another process has committed, and if so has a batch run, which takes notice.
    /// Until the task is cancelled.
    static func run(engine: any Engine, committer: Committer, every interval: Duration) async {
        while !Task.isCancelled {
            guard (try? await Task.sleep(for: interval)) != nil else { return }
            if engine.mayHaveForeignChanges() { await committer.sweep() }
        }
    }
}
