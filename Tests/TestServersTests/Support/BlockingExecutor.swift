import Foundation

/// Runs what a test does on threads of its own, so that it may block, and still is the test's task: what it expects is
/// counted to the test.
final class BlockingExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

/// Runs `body`, which may block.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withTaskExecutorPreference(BlockingExecutor()) { try body() }
}
