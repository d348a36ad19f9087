// Waits that end.
//
// A test that waits for what never comes must fail and say what it waited for, and not hold up the run for ever. So
// every wait of the tests goes through here: it ends when what it is for has come, when its task is cancelled, and in
// any case after its limit, which a timer outside Swift's own threads watches over, as those may all be held.

internal import Dispatch
internal import Synchronization

/// How long a test waits for anything: far longer than it takes on a machine that is busy.
public let standardWait = Duration.seconds(90)

/// What a test waited for has not come in time.
public struct WaitExpired: Error, Sendable, CustomStringConvertible {
    /// A sentence that names what was waited for.
    public let description: String

    /// Says that `what` has not come within `limit`.
    public init(_ what: String, within limit: Duration) {
        description = "waited \(limit) in vain: \(what)"
    }
}

/// Suspends until the resumption that `start` is given is resumed, by anyone on any thread.
///
/// - Parameter what: what is waited for, for the error.
/// - Throws: ``WaitExpired`` after `limit`; `CancellationError` if the task is cancelled first.
public func waiting<Value: Sendable>(
    for what: String, within limit: Duration = standardWait, _ start: (Resumption<Value>) -> Void
) async throws -> Value {
    let resumption = Resumption<Value>()
    let expiry = DispatchWorkItem { resumption.end(.failure(WaitExpired(what, within: limit))) }
    // The queue's threads are not those that tasks run on.
    DispatchQueue.global().asyncAfter(deadline: .now() + limit / .seconds(1), execute: expiry)
    defer { expiry.cancel() }
    start(resumption)
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { resumption.suspend($0) }
    } onCancel: {
        resumption.end(.failure(CancellationError()))
    }
}

/// Looks again and again until `condition` holds: for what becomes true by itself, without an event to wait for.
///
/// - Parameter what: what should become true, for the error.
/// - Throws: ``WaitExpired`` after `limit`; `CancellationError` if the task is cancelled first; what `condition`
///   throws.
public func eventually(
    _ what: String, within limit: Duration = standardWait, _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    var looks = 0
    while try await !condition() {
        try Task.checkCancellation()
        guard clock.now < deadline else { throw WaitExpired(what, within: limit) }
        looks += 1
        // At first it may come with the next task's turn; later a wait that keeps a core busy holds up what it is for.
        if looks < 100 { await Task.yield() } else { try await Task.sleep(for: .milliseconds(2)) }
    }
}

/// What ends a wait, once: whoever comes first.
public final class Resumption<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, any Error>?
        var outcome: Result<Value, any Error>?
    }

    private let state = Mutex(State())

    /// Ends the wait with a value, unless it is over.
    public func resume(returning value: Value) { end(.success(value)) }

    fileprivate func end(_ outcome: Result<Value, any Error>) {
        let continuation = state.withLock { state -> CheckedContinuation<Value, any Error>? in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(with: outcome)
    }

    fileprivate func suspend(_ continuation: CheckedContinuation<Value, any Error>) {
        let outcome = state.withLock { state -> Result<Value, any Error>? in
            if state.outcome == nil { state.continuation = continuation }
            return state.outcome
        }
        if let outcome { continuation.resume(with: outcome) }
    }
}

extension Resumption where Value == Void {
    /// Ends the wait, unless it is over.
    public func resume() { resume(returning: ()) }
}
