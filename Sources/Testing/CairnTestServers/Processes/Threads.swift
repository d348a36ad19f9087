internal import Foundation
internal import Glibc
internal import Synchronization

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

/// Runs `body` for each element at the same time, each on a thread of its own, and throws the first failure when all
/// have ended. Blocks.
func atOnce<Element: Sendable>(
    _ elements: some Sequence<Element>, _ body: @escaping @Sendable (Element) throws -> Void
) throws {
    let running = DispatchGroup()
    let failures = FailureList()
    for element in elements {
        running.enter()
        Thread.detachNewThread {
            do { try body(element) } catch { failures.append(error) }
            running.leave()
        }
    }
    running.wait()
    if let failure = failures.first { throw failure }
}

private final class FailureList: Sendable {
    private let list = Mutex<[any Error]>([])

    var first: (any Error)? { list.withLock { $0.first } }

    func append(_ failure: any Error) { list.withLock { $0.append(failure) } }
}
