import Foundation

/// Runs `body`, which blocks, on a thread of its own rather than on one of Swift's few.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { caller in
        Thread { caller.resume(with: .init(catching: body)) }.start()
    }
}
