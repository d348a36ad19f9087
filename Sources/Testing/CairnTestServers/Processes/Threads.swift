internal import Foundation
internal import Glibc

// Servers are waited for, and waiting blocks. Swift's own threads are as few as the cores, so nothing here blocks one
// of them: what blocks runs on a thread of its own.

/// Runs `body`, which may block, on a thread of its own.
func onOwnThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    // Resumed exactly once: the thread does nothing else.
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
            do { continuation.resume(returning: try body()) } catch { continuation.resume(throwing: error) }
        }
    }
}

/// Asks again and again until `condition` holds, and says what was waited for if it doesn't in time. Blocks.
func block(until what: String, within limit: Duration, _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw ServerFailure("waited \(limit) in vain until \(what)") }
        usleep(10_000)
    }
}
